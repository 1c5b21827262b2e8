"""The HTTP routes, the same for every release."""

from starlette.routing import Route

from reference_app.endpoint import bearer, body, endpoint, fixed, limit, path_email, path_id, path_name
from reference_app.services.auth.caching import CachedAuth
from reference_app.services.auth.entities import By, Credentials, NewUser, RolePermissions, UserRoles


def routes(service: CachedAuth) -> list[Route]:
    """The routes of ``service``."""
    user, role, permission = path_id("user_id"), path_name("name"), path_name("permission")
    username, email, nothing = path_name("username"), path_email("email"), fixed(None)
    set_user_roles = endpoint(service.set_user_roles, user, body(UserRoles))
    set_role_permissions = endpoint(service.set_role_permissions, role, body(RolePermissions))
    return [
        Route("/auth/login", endpoint(service.login, body(Credentials)), methods=["POST"]),
        Route("/auth/token", endpoint(service.token, bearer)),
        Route("/auth/logout", endpoint(service.logout, bearer), methods=["POST"]),
        Route("/auth/user/{user_id}/permissions", endpoint(service.permissions, user)),
        Route("/auth/user/{user_id}/roles", set_user_roles, methods=["PUT"]),
        Route("/auth/user/{user_id}/logouts", endpoint(service.logouts, user, limit)),
        Route("/auth/users", endpoint(service.users, fixed(By.CREATION), nothing, limit), methods=["GET"]),
        Route("/auth/users", endpoint(service.create_user, body(NewUser), status=201), methods=["POST"]),
        Route("/auth/users/by-name/{username}", endpoint(service.user, fixed(By.USERNAME), username)),
        Route("/auth/users/by-email/{email}", endpoint(service.user, fixed(By.EMAIL), email)),
        Route("/auth/role/{name}/users", endpoint(service.users, fixed(By.ROLE), role, limit)),
        Route("/auth/role/{name}/permissions", set_role_permissions, methods=["PUT"]),
        Route("/auth/permission/{permission}/roles", endpoint(service.permission_roles, permission)),
    ]

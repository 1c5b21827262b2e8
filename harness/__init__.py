"""Proves under load what a database migration does to a service.

Modules and packages in the order in which data flows; each imports only from those before it:

    errors, metric, columns            what can go wrong, what is measured, how it is laid out
    parts -> plan -> objections        what a plan says, and what is wrong with it
    plan_file                          TOML in, a plan or path-qualified messages out
    samples, readings, executions      the record of a leg: requests, servers, statements
    trial, order                       all that one leg recorded; in which turn legs come
    answers, evidence, records         replies of both arms, what servers tell, what older runs say
    statistics                         numbers in, numbers out
    measures -> summary -> comparison  legs to rows, rows to pairs with intervals
    judging, explaining -> verdict     what may be believed, why it came so, and what that means for the release
    probes, environment, load          ... from here on the world is touched
    seal, store, stores                the run folder, and what is kept beside runs
    running, experiment, campaign      the story of a run
    generator                          the child program, the only place that imports Locust
    cli_..., cli                       the only places that print
"""

__version__ = "0.1.0"

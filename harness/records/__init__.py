"""Records: what makes a recorded run whole, comparable and part of a history."""

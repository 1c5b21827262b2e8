"""What all tests need before the first of them is collected: the Hypothesis profile, and signals as in a terminal."""

import signal

import tests.examples  # noqa: F401 - loads the profile

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background (nohup, a script's "&"): programs that the tests start would inherit a deaf SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)

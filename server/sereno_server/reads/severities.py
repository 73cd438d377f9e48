"""The levels of log lines in words, each with the shape that the console gives it."""

from sereno_server.reads.words import Words


def severity_words(words: Words) -> dict[int, tuple[str, str]]:
    """Shape and word of each syslog severity."""
    return {
        0: ("failing", words.say("Emergency")),
        1: ("failing", words.say("Alert")),
        2: ("failing", words.say("Critical")),
        3: ("failing", words.say("Error")),
        4: ("soon", words.say("Warning")),
        5: ("watch", words.say("Note")),
        6: ("muted", words.say("Info")),
        7: ("muted", words.say("Debug")),
    }

"""Kinds of changes and facts in the reader's words."""

from sereno_server.reads.words import Words


def kind_name(kind: str, words: Words) -> str:
    """What people call things of a kind; the device's own word where there is none."""
    named = {
        "address": words.say("Addresses"),
        "certificate": words.say("Certificates"),
        "cron": words.say("Scheduled jobs"),
        "dns": words.say("Name resolution"),
        "environment": words.say("Environment"),
        "file": words.say("Files"),
        "firewall": words.say("Firewall"),
        "group": words.say("Groups"),
        "hardware": words.say("Hardware"),
        "kernel": words.say("Kernel"),
        "module": words.say("Kernel modules"),
        "mount": words.say("Mounts"),
        "network": words.say("Network"),
        "package": words.say("Packages"),
        "password": words.say("Passwords"),
        "port": words.say("Ports"),
        "route": words.say("Routes"),
        "service": words.say("Services"),
        "sshkey": words.say("SSH keys"),
        "sudo": words.say("Sudo rights"),
        "sysctl": words.say("Kernel settings"),
        "system": words.say("System"),
        "tree": words.say("Watched trees"),
        "unit": words.say("Unit files"),
        "user": words.say("Users"),
    }
    return named.get(kind, kind)

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
        "hotfix": words.say("Hotfixes"),
        "kernel": words.say("Kernel"),
        "licence": words.say("Licences"),
        "module": words.say("Kernel modules"),
        "mount": words.say("Mounts"),
        "network": words.say("Network"),
        "package": words.say("Packages"),
        "password": words.say("Passwords"),
        "port": words.say("Ports"),
        "registry": words.say("Registry"),
        "route": words.say("Routes"),
        "service": words.say("Services"),
        "sshkey": words.say("SSH keys"),
        "sudo": words.say("Sudo rights"),
        "sysctl": words.say("Kernel settings"),
        "switch": words.say("Switched off"),
        "system": words.say("System"),
        "task": words.say("Scheduled tasks"),
        "tree": words.say("Watched trees"),
        "unit": words.say("Unit files"),
        "user": words.say("Users"),
    }
    return named.get(kind, kind)

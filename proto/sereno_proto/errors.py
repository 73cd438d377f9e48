"""Every refusal and failure that a person or a program may meet, by its stable code.

    SerenoError            code, what happened, remedy
    ├── Refused            the other end, or the device, said no
    └── BadInput           what was given cannot be used

'No data' is not an error. Codes never change their meaning; CATALOGUE gives the default remedy of each.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class CodeEntry:
    """One line of the catalogue: what the code means and what to do about it."""

    meaning: str
    remedy: str


CATALOGUE: dict[str, CodeEntry] = {
    # joining and identity
    "E_JOIN_CODE": CodeEntry("the join code cannot be read", "copy the whole code from `sereno join-code`"),
    "E_JOIN_TOKEN_USED": CodeEntry("the join code was used before", "make a new one: `sereno join-code`"),
    "E_JOIN_TOKEN_EXPIRED": CodeEntry("the join code has expired", "make a new one: `sereno join-code`"),
    "E_JOIN_TOKEN_UNKNOWN": CodeEntry("the server does not know this join code", "make a new one: `sereno join-code`"),
    "E_CA_FINGERPRINT": CodeEntry(
        "the server's authority is not the one named in the join code", "do not join; ask who made the code"
    ),
    "E_ROOT_DIGEST": CodeEntry(
        "the organisation's root is not the one named in the join code", "do not join; ask who made the code"
    ),
    "E_SERVER_UNREACHABLE": CodeEntry("the server does not answer", "check address, port and network, then try again"),
    "E_ALREADY_JOINED": CodeEntry(
        "this machine has an identity already", "remove it as root first: `sereno-agent leave`"
    ),
    "E_AGENT_RUNNING": CodeEntry("an agent runs on this state folder already", "stop it first"),
    "E_STATE_FOLDER": CodeEntry(
        "the state folder cannot be written", "give this user the folder, or another with --state"
    ),
    "E_NOT_JOINED": CodeEntry("this machine has not joined a server", "run `sereno-agent join CODE`"),
    "E_DUPLICATE_IDENTITY": CodeEntry(
        "two machines use one identity, a clone is likely", "join the copy anew with a fresh state folder"
    ),
    "E_DEVICE_REVOKED": CodeEntry("this device's access was revoked", "join anew with a join code"),
    "E_CERTIFICATE_IDENTITY": CodeEntry("a certificate names another device", "the certificate was not taken"),
    "E_DEVICE_CHANGED": CodeEntry(
        "a device of a known name has another identity", "ask who joined it anew; then remove it from known_devices"
    ),
    "E_NAME": CodeEntry("a device name is 1 to 63 of a-z, 0-9 and hyphen", "choose another name"),
    # wire and telemetry
    "E_PROTOCOL_VERSION": CodeEntry("the other end speaks an unknown protocol version", "update the older end"),
    "E_LIMIT": CodeEntry("a message or field exceeds its limit", "see limits.py for the bound"),
    "E_NOT_FINITE": CodeEntry("a sample is NaN or infinite", "the sample was refused, the rest was kept"),
    "E_SERIES_UNKNOWN": CodeEntry("a batch names a series that was never announced", "the matrix was refused"),
    "E_SHAPE": CodeEntry("a matrix does not have steps times series values", "the matrix was refused"),
    "E_CLOCK_SKEW": CodeEntry("the device's clock is off", "set the clock; samples are kept under both times"),
    "E_CLOCK_BACK": CodeEntry("the device's clock went behind a time it had reached", "set the clock forward"),
    "E_SPOOL_FULL": CodeEntry("the spool's disk is full or its bound is reached", "free space; the oldest was dropped"),
    "E_COLLECTOR": CodeEntry("a collector failed", "see `sereno-agent status`"),
    "E_LOGS": CodeEntry("a log cannot be read as the policy says", "see the path and its rights on the device"),
    "E_DEVICE_OFFLINE": CodeEntry("the device is not connected", "wait until it is, or queue the run"),
    "E_TIMEOUT": CodeEntry("no answer within the time limit", "try again; see the device's log"),
    "E_OVERLOADED": CodeEntry("the other end has too much to do", "it is tried again later"),
    "E_PEER": CodeEntry(
        "somebody else than the core's user spoke to the executor, or the other way round", "see `sereno-agent doctor`"
    ),
    "E_DATABASE": CodeEntry(
        "a database named in agent.toml does not answer", "try it alone: `sereno-agent collect databases`"
    ),
    "E_DATABASE_WRITES": CodeEntry(
        "a statement might do more than read, and was not sent", "write it plainly: one SELECT, no comments"
    ),
    "E_DATABASE_DRIVER": CodeEntry("a database's driver is not installed", "install sereno[databases]"),
    # documents and signatures
    "E_DOCUMENT": CodeEntry("a signed document breaks its grammar", "get the document again from where it was made"),
    "E_DOCUMENT_KIND": CodeEntry("a document of another kind or version was expected", "give the right document"),
    "E_FIELD_UNKNOWN": CodeEntry("a document holds a key that its kind does not know", "the document was refused"),
    "E_FIELD_REPEATED": CodeEntry("a document holds a key twice", "the document was refused"),
    "E_FIELD_MISSING": CodeEntry("a document lacks a key", "the document was refused"),
    "E_SIGNATURE_MISSING": CodeEntry("a signature is missing", "have it signed: `sereno approve`"),
    "E_SIGNATURE_INVALID": CodeEntry("a signature does not fit the text", "sign the text as it is"),
    "E_SIGNATURE_FORMAT": CodeEntry(
        "a signature is neither an SSHSIG nor a passkey's assertion",
        "sign with `sereno approve` or `ssh-keygen -Y sign`",
    ),
    "E_NAMESPACE": CodeEntry("a signature was made for another purpose", "sign with the right command"),
    "E_KEY_UNKNOWN": CodeEntry("the signing key is not on the roster", "add the key to the roster, or use another"),
    "E_KEY_PURPOSE": CodeEntry("the signing key has another purpose on the roster", "use a key of the right purpose"),
    "E_KEY_TYPE": CodeEntry(
        "this kind of key is not accepted", "use Ed25519, ECDSA P-256, RSA of 3072 bits or an sk- key"
    ),
    "E_KEY_FILE": CodeEntry("a key file cannot be used", "give an OpenSSH private key that you can read"),
    "E_KEY_TOUCH": CodeEntry("this risk asks for a key with touch", "sign with an sk- key (a hardware token)"),
    "E_PASSKEY_TYPE": CodeEntry("a passkey's answer is not an assertion", "approve on the approval page"),
    "E_PASSKEY_CHALLENGE": CodeEntry(
        "a passkey signed another text, or for another purpose", "approve the device's own text on the approval page"
    ),
    "E_PASSKEY_ORIGIN": CodeEntry("a passkey signed on another site", "use your organisation's approval page"),
    "E_PASSKEY_CROSS_ORIGIN": CodeEntry("a passkey signed inside another site's page", "open the approval page itself"),
    "E_PASSKEY_RP": CodeEntry("a passkey signed for another site", "use your organisation's approval page"),
    "E_PASSKEY_UNVERIFIED": CodeEntry(
        "an authenticator did not verify who holds it", "approve with PIN, fingerprint or face"
    ),
    "E_PASSKEY_UNCONFIRMED": CodeEntry(
        "nobody confirmed that the passkey is this person's",
        "have the person sign its statement (`sereno passkey statement`), or compare its fingerprint: --fingerprint",
    ),
    # root and roster
    "E_ROOT_THRESHOLD": CodeEntry("too few root keys signed", "collect more root signatures"),
    "E_ROOT_KEY": CodeEntry("a signature is by a key that is not of the root", "sign with a root key"),
    "E_ROOT_CHAIN": CodeEntry(
        "a next root does not follow the one before it", "offer the organisation's own roots, each once and in order"
    ),
    "E_ROOT_FORKED": CodeEntry(
        "another next root than the one that is pinned", "an old root key signed two: find out who holds it"
    ),
    "E_ROSTER_INVALID": CodeEntry("the roster makes no sense", "mend what is named and sign it again"),
    "E_ROSTER_ORGANISATION": CodeEntry("the roster is of another organisation", "offer this organisation's roster"),
    "E_ROSTER_OTHER": CodeEntry(
        "another roster of the version that is pinned", "raise the version: `sereno roster sign`"
    ),
    "E_ROSTER_LOWER": CodeEntry("a roster of a lower version than the pinned one", "offer the newest roster"),
    "E_ROSTER_EXPIRED": CodeEntry("the roster has expired", "sign a new roster: `sereno roster sign`"),
    "E_ROSTER_UNSIGNED": CodeEntry("the roster is not signed by the pinned root", "sign it with the root key"),
    "E_ROSTER_MISSING": CodeEntry("no roster is pinned", "join again, or offer a roster"),
    "E_ROSTER_VERSION": CodeEntry("the plan asks for a newer roster than the one pinned", "offer the newest roster"),
    # plans and runs
    "E_PLAN_UNKNOWN": CodeEntry("this device never issued this plan, or no longer holds it", "ask for a new plan"),
    "E_PLAN_CHANGED": CodeEntry("the plan differs from the one this device issued", "sign the device's own text"),
    "E_PLAN_DEVICE": CodeEntry("the plan names another device", "ask the right device for a plan"),
    "E_PLAN_EXPIRED": CodeEntry("the plan has expired", "ask for a new plan"),
    "E_PLAN_REPLAYED": CodeEntry("the plan was carried out before", "ask for a new plan"),
    "E_GRANT_EXPIRED": CodeEntry("the grant's window is over", "have a new one signed"),
    "E_GRANT_EARLY": CodeEntry("the grant's window has not begun", "wait for it"),
    "E_GRANT_DEVICE": CodeEntry("the grant does not name this device", "have one signed for this device"),
    "E_GRANT_USED": CodeEntry("the grant was used as often as it allows", "have a new one signed"),
    "E_GRANT_PAUSE": CodeEntry("the grant was used a moment ago", "it is tried again after its pause"),
    "E_GRANT_TRIGGER": CodeEntry("the grant's trigger does not hold on the device", "none; it waits"),
    "E_GRANT_REVOKED": CodeEntry("the grant was revoked", "have a new one signed"),
    "E_GRANT_UNKNOWN": CodeEntry("this device holds no such grant", "offer it to the device first"),
    "E_GRANT_RISK": CodeEntry(
        "what has high risk is never granted before it was seen on the device", "ask for a plan when the device is back"
    ),
    "E_REQUESTER_UNSIGNED": CodeEntry("the requester did not sign", "have the requester sign: `sereno run`"),
    "E_REQUESTER_OTHER": CodeEntry("another person signed the request", "have the plan's requester sign it"),
    "E_REQUESTER_UNKNOWN": CodeEntry("the requester is not on the roster", "ask as a person on the roster"),
    "E_APPROVER_IS_REQUESTER": CodeEntry("who asks may not approve", "ask another person"),
    "E_APPROVER_ROLE": CodeEntry("this person may not approve", "ask a person whose role allows it"),
    "E_APPROVALS_TOO_FEW": CodeEntry("too few distinct persons approved", "ask more persons"),
    "E_RISK_DOWNGRADED": CodeEntry("the plan states a lower risk than its actions have", "ask for a new plan"),
    "E_TARGET_DRIFTED": CodeEntry("a target changed after the plan was made", "ask for a new plan"),
    "E_BOUND": CodeEntry("more would change than the plan allows", "ask for a new plan"),
    "E_ACTION_CODE": CodeEntry("an action's code is not the one the plan names", "ask for a new plan"),
    "E_VERSION_UNKNOWN": CodeEntry(
        "the device keeps no such earlier version of a file", "choose a version that the device keeps"
    ),
    "E_DISK_FULL": CodeEntry("there is no room left to write", "free a little space by hand, then try again"),
    "E_INTERRUPTED": CodeEntry("the run was cut off and did not go on", "look at the device, then ask for a new plan"),
    "E_CANCELLED": CodeEntry("the run was cancelled", "what was done is undone where it can be"),
    "E_REQUIRE_FAILED": CodeEntry("the effect could not be shown", "what was done is undone where it can be"),
    "E_UNDO": CodeEntry("not everything could be undone", "look at the device"),
    "E_LEDGER_BROKEN": CodeEntry("the device's ledger was changed from outside", "look at the machine and its owner"),
    "E_CHECKPOINT": CodeEntry(
        "a checkpoint of the server's ledger cannot be read or verified", "ask the administrator"
    ),
    "E_LEDGER_FORKED": CodeEntry(
        "the server's ledger does not go on from what was witnessed: rows were changed or taken away",
        "keep the witness file as evidence and ask the administrator; was an older backup restored?",
    ),
    "E_STATE_LOST": CodeEntry(
        "the record of used plans or of time is lost or damaged", "join anew with a fresh state folder"
    ),
    # policy
    "E_POLICY_INVALID": CodeEntry(
        "policy.toml is missing or invalid, so nothing is allowed", "mend the file and line named"
    ),
    "E_POLICY_CHANGED": CodeEntry("the local policy changed after the plan was made", "ask for a new plan"),
    "E_POLICY_FORBIDS": CodeEntry("the local policy forbids it", "change policy.toml on the machine"),
    "E_OUTSIDE_POLICY": CodeEntry(
        "a name, path or target lies outside the local policy", "add it to policy.toml on the machine"
    ),
    "E_LOCKDOWN": CodeEntry("the machine is in lockdown", "on the machine: `sereno-agent lockdown off`"),
    "E_PROTECTED_PATH": CodeEntry("Sereno's own files, sudoers, PAM and authorized_keys are never touched", "none"),
    # checks, actions, playbooks
    "E_COMMAND_UNKNOWN": CodeEntry("this agent knows no such command", "update the agent"),
    "E_CHECK_UNKNOWN": CodeEntry("no such check", "see the catalogue"),
    "E_ACTION_UNKNOWN": CodeEntry("no such action", "see the catalogue"),
    "E_PARAMETER": CodeEntry("a parameter is missing, unknown or of the wrong kind", "see the catalogue"),
    "E_WORKER_LIMIT": CodeEntry("a worker exceeded its time, memory or output", "what it had printed is in the log"),
    "E_WORKER_FAILED": CodeEntry("a worker ended with an error", "see the device's log"),
    "E_PROGRAM_FAILED": CodeEntry(
        "a program of the system is missing, or ended with an error", "see what it said; on the machine, try it by hand"
    ),
    "E_UNSAFE": CodeEntry(
        "the change would do harm on this machine as it is", "see what is named, and mend that first"
    ),
    "E_UNSETTLED": CodeEntry(
        "what is to be changed is changing by itself just now", "wait until it has settled, then ask for a new plan"
    ),
    "E_PLAYBOOK_UNKNOWN": CodeEntry("no such playbook", "see `sereno playbooks`"),
    "E_PLAYBOOK_SYNTAX": CodeEntry("a playbook cannot be read", "mend the file and line named"),
    "E_PLAYBOOK_GOLDEN": CodeEntry(
        "a playbook does other than its golden run", "mend it, or review and record it anew"
    ),
    "E_PLAYBOOK_SHELL": CodeEntry("a playbook holds a shell command; playbooks have none", "use a check or an action"),
    "E_PLAYBOOK_CYCLE": CodeEntry("playbooks include each other in a circle", "break the circle"),
    # server
    "E_PORT_TAKEN": CodeEntry("another program listens on this port", "stop it, or choose another port"),
    "E_DRILL": CodeEntry("a drill did not end as it must", "see the demo's logs, and report it"),
    "E_SERVER_RUNNING": CodeEntry("a server uses this data folder already", "use it, or stop it first"),
    "E_DEMO_RUNNING": CodeEntry("a demo is running in this clone already", "use it, or stop it with Ctrl-C"),
    "E_NO_POSTGRESQL": CodeEntry("no PostgreSQL was found", "install sereno[server] or set SERENO_DATABASE_URL"),
    "E_POSTGRESQL": CodeEntry("PostgreSQL does not answer", "see its log in the server's folder"),
    "E_SCHEMA_NEWER": CodeEntry("the database was made by a newer Sereno", "run that version, or restore a backup"),
    "E_EXTRA_MISSING": CodeEntry(
        "this is an agent's installation, without the server's and the workstation's part",
        "install it: `pip install 'sereno[server]'`",
    ),
    "E_CONFIG": CodeEntry("a setting cannot be used", "mend the file and key named"),
    "E_NOT_SIGNED_IN": CodeEntry("not signed in", "use a login link, or `sereno login`"),
    "E_EXPIRED": CodeEntry("the link, token or session has expired", "sign in again"),
    "E_TELLING": CodeEntry("a message to a person did not go out", "see what it says; it is tried again"),
    "E_FORBIDDEN": CodeEntry("this account may not do that", "ask an administrator"),
    "E_TOO_MANY_REQUESTS": CodeEntry("too many tries in a short time", "wait a minute, then try again"),
    "E_ORIGIN": CodeEntry("the request came from another site", "open the console at its own address"),
    "E_NOT_FOUND": CodeEntry("no such thing, or not yours", "check the id"),
    "E_CONFLICT": CodeEntry("it changed in the meantime", "read it again"),
    "E_BAD_REQUEST": CodeEntry("the request cannot be read", "see the API's description"),
    "E_IDEMPOTENCY": CodeEntry("the same key was used for another request", "use a fresh Idempotency-Key"),
    "E_BACKTEST_INPUT": CodeEntry("a backtest file cannot be read", "see `sereno backtest --help`"),
    "E_BACKTEST_RANGE": CodeEntry(
        "nothing can be replayed there", "choose other dates: `sereno backtest device --help`"
    ),
    "E_INTERNAL": CodeEntry("a fault of Sereno's own", "report it with the request id"),
}


class SerenoError(Exception):
    """An error with a stable code, one line that says what happened, and a remedy."""

    def __init__(self, code: str, what: str = "", remedy: str = "") -> None:
        entry = CATALOGUE[code]
        self.code = code
        self.what = what or entry.meaning
        self.remedy = remedy or entry.remedy
        super().__init__(f"{code}: {self.what}")

    def line(self) -> str:
        """The one line that a terminal shows."""
        return f"{self.code}: {self.what}. {self.remedy[:1].upper()}{self.remedy[1:]}."


class Refused(SerenoError):
    """The other end, or the device, said no."""


class BadInput(SerenoError):
    """What was given cannot be used."""

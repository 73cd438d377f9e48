"""The machine of a case: its files, what programs answer, and what its probes meet, as the case's JSON has them."""

import shlex

from sereno_diagnostics.machine import Connected, Fetched, Handshake, PluginEnd, Rows, Shown, Space, Status


class CaseMachine:
    """`machine` of a case; `machine_later` lies over it once the check has waited a moment."""

    def __init__(self, place) -> None:
        self._place = place

    def read(self, path):
        lines = self._of("files").get(path)
        return None if lines is None else "\n".join(lines) + "\n"

    def tail(self, path, size_bytes):
        text = self.read(path)
        return None if text is None else text[-size_bytes:]

    def names(self, folder):
        known = (*self._of("files"), *self._of("links"), *self._of("statuses"))
        below = [path for path in known if path.startswith(f"{folder}/")]
        return sorted({path.removeprefix(f"{folder}/").split("/")[0] for path in below})

    def look(self, path, *, follow=False):
        found = self._of("statuses").get(path)
        return None if found is None else Status(**{"mode": 0o100644, "links": 1, "owner": 0, **found})

    def target(self, path):
        return self._of("links").get(path, "")

    def space(self, mount):
        found = self._of("spaces").get(mount)
        return None if found is None else Space(**{"inodes": 0, "inodes_free": 0, "read_only": False, **found})

    def ask(self, *command, request=b"", timeout_s=20.0, codes=None, scratch=False):
        answers = self._of("answers")
        lines = answers.get(shlex.join(command), answers.get(f"{command[0]} {command[-1]}"))
        return None if lines is None else "\n".join(lines) + "\n"

    def resolve(self, host, timeout_s):
        case = self._place.case.get("machine", {})
        self._place.now_s += case.get("lookup_s", 0.0)
        if case.get("silent"):
            raise TimeoutError
        if host not in case.get("addresses", {}):
            raise OSError(-2, "Name or service not known")
        return case["addresses"][host]

    def connect(self, host, port, timeout_s):
        return Connected(**self._of("connected")[f"{host}:{port}"])

    def shake(self, host, port, timeout_s):
        found = dict(self._of("handshakes")[f"{host}:{port}"])
        chain = tuple(Shown(**{**one, "names": tuple(one.get("names", ()))}) for one in found.pop("chain", ()))
        return Handshake(**found, chain=chain)

    def certificates(self, path):
        return [Shown(**one) for one in self._of("certificates").get(path, ())], ""

    def fetch(self, url, timeout_s):
        return Fetched(**self._of("fetched")[url])

    def plug(self, command, timeout_s):
        return PluginEnd(**self._of("plugins")[shlex.join(command)])

    def query(self, database, statement):
        answers = self._of("rows")
        found = next((rows for part, rows in answers.items() if part in statement), None)
        return Rows((), 0.0, "relation does not exist") if found is None else Rows(tuple(found), 0.01)

    def clock(self):
        return self._of("clock")

    def databases(self):
        return {name: database.kind for name, database in self._place.allowed.databases.items()}

    def _of(self, kind):
        case = self._place.case
        later = case.get("machine_later", {}).get(kind, {}) if self._place.later else {}
        return {**case.get("machine", {}).get(kind, {}), **later}

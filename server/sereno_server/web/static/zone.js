// Tells the server which time zone this browser is in; the page is asked for again once when it did not know.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const shown = document.body.dataset.zone;
const known = document.cookie.split("; ").some((c) => c === `sereno-zone=${zone}`);
if (zone && !known) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `sereno-zone=${zone}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
  if (zone !== shown && document.cookie.includes("sereno-zone=")) location.reload();
}

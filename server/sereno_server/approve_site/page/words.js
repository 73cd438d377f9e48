// What the page says, in the browser's language. English is the key; what has no translation stays English.

const SPANISH = {
  "Approve?": "¿Aprobar?", "{what} on {where}?": "¿{what} en {where}?", "{n} devices": "{n} equipos", "and": "y",
  "{who} asks.": "Lo pide {who}.", "The server proposes it. The server is nobody: it takes a person.": "Lo propone el servidor. El servidor no es nadie: hace falta una persona.",
  "Risk": "Riesgo", "low": "bajo", "medium": "medio", "high": "alto", "the machine says": "dice el equipo", "signed like {risk}": "se firma como {risk}", "Undo": "Deshacer", "Yes": "Sí", "No": "No", "Partly": "En parte",
  "by itself": "solo", "not by itself": "no solo", "Ends": "Termina", "Uses": "Usos", "on each": "en cada uno", "Exactly what will change": "Qué cambiará exactamente", "What it may do": "Qué puede hacer",
  "Nobody has seen on a device what this will do. Its limits are all that holds it.": "Nadie ha visto en un equipo qué hará. Solo lo frenan sus límites.",
  "Only looks: {check}": "Solo mira: {check}", "with {parameters}": "con {parameters}", "only if {require}": "solo si {require}", "afterwards {require} must hold": "después debe cumplirse {require}",
  "Undo: {undo}": "Deshacer: {undo}", "If it fails: {what}": "Si falla: {what}", "what was done is undone": "se deshace lo hecho", "it stops there": "se para ahí", "it goes on": "sigue",
  "the server calls it: {name}": "el servidor lo llama: {name}", "at most {n}": "como mucho {n}", "Limits": "Límites", "Files": "Archivos", "Things": "Cosas", "Change in the text": "Cambio en el texto",
  "Who and where": "Quién y dónde", "Asked by": "Lo pide", "the server, nobody": "el servidor, nadie", "Machine": "Equipo", "Machines": "Equipos", "Ticket": "Caso", "no ticket": "sin caso", "Playbook": "Procedimiento", "Organisation": "Organización",
  "Begins": "Empieza", "When": "Cuándo", "whenever the machine itself measures that {trigger}": "cuando el propio equipo mida que {trigger}", "{n} times on each, {pause} s apart at least": "{n} veces en cada uno, con {pause} s entre medias como mínimo", "once on each, when it is back": "una vez en cada uno, cuando vuelva",
  "first time this page meets it under that name": "esta página lo ve por primera vez con ese nombre", "ANOTHER machine had this name before: {id}": "OTRO equipo tenía antes este nombre: {id}",
  "If nobody answers": "Si nadie responde", "It ends at {when}. Nothing is changed.": "Termina el {when}. No se cambia nada.", "What your passkey signs": "Qué firma tu clave",
  "Exactly this text, byte for byte. The machine wrote it, still holds it, and checks your signature itself.": "Exactamente este texto, byte a byte. Lo escribió el equipo, lo guarda y comprueba él mismo tu firma.",
  "Exactly this text, byte for byte. Each machine checks your signature itself.": "Exactamente este texto, byte a byte. Cada equipo comprueba él mismo tu firma.",
  "This page came from {host}. The link brought the text; nothing else in the link is shown as true.": "Esta página viene de {host}. El enlace trajo el texto; nada más del enlace se muestra como cierto.",
  "Approve with passkey": "Aprobar con tu clave", "Sign the request with passkey": "Firmar la petición con tu clave", "Deny with reason": "Denegar con motivo", "Back": "Volver", "Why not?": "¿Por qué no?", "In your words": "Con tus palabras", "Deny with passkey": "Denegar con tu clave",
  "not now, ask the day shift": "ahora no, que lo vea el turno de día", "too risky": "demasiado riesgo", "I cannot judge it": "no puedo juzgarlo", "this was not expected": "esto no se esperaba",
  "Then it is sent to {host}, which the link names (unverified).": "Después se envía a {host}, como dice el enlace (sin verificar).", "Then it is shown here, to be copied.": "Después se muestra aquí, para copiarlo.",
  "Each of these asks for your passkey, so that nobody says no in your name. Doing nothing is a no as well: it ends by itself.": "Cada una pide tu clave, para que nadie diga que no en tu nombre. No hacer nada también es un no: termina solo.",
  "{left} left, ends {when}": "quedan {left}, termina: {when}", "It has ended. Nobody can approve it any more.": "Ha terminado. Ya nadie puede aprobarlo.", "ended": "terminado",
  "Signed.": "Firmado.", "It is on its way to {host}. If that does not answer, copy the signature and hand it in there.": "Va de camino a {host}. Si no responde, copia la firma y entrégala allí.", "Copy the signature and hand it in at the console, or with: sereno approve RUN --signature FILE": "Copia la firma y entrégala en la consola, o con: sereno approve RUN --signature FILE", "Copy": "Copiar", "Copied": "Copiado",
  "Send to {host}": "Enviar a {host}", "Make a passkey": "Crear una clave", "Make a passkey for approving.": "Crea una clave para aprobar.", "Your short name on the roster": "Tu nombre corto en la lista", "Organisation's id (org_…)": "Id de la organización (org_…)",
  "It stays in this device or your security key, and works on this page only. It counts once the roster names it.": "Se queda en este dispositivo o en tu llave, y solo sirve en esta página. Cuenta cuando la lista la nombra.",
  "Your passkey is made.": "Tu clave está creada.", "Sign this statement on your workstation with the key that approves for you now: sereno passkey statement FILE": "Firma esta declaración en tu equipo con la clave con la que apruebas ahora: sereno passkey statement FILE",
  "Or read this fingerprint to whoever keeps the roster, face to face or by phone:": "O lee esta huella a quien lleva la lista, en persona o por teléfono:",
  "This page approves what machines ask.": "Esta página aprueba lo que piden los equipos.", "Open the link of a request, or paste its text here.": "Abre el enlace de una petición o pega aquí su texto.", "Read it": "Leerlo", "That cannot be signed here.": "Eso no se puede firmar aquí.", "Nothing was signed.": "No se ha firmado nada.",
  "The browser said no, or you did. Try again when you are ready.": "El navegador o tú habéis dicho que no. Inténtalo de nuevo cuando quieras.", "This page works only on its own, not inside another.": "Esta página solo funciona sola, no dentro de otra.",
  "{n} s": "{n} s", "{n} min": "{n} min", "{n} h": "{n} h", "{n} d": "{n} d", "Light": "Claro", "Dark": "Oscuro", "made": "hecho", "Text": "Texto",
};
const spanish = (navigator.language ?? "").toLowerCase().startsWith("es");

export const language = spanish ? "es" : "en";

export function say(message, values = {}) {
  const said = (spanish && SPANISH[message]) || message;
  return said.replace(/\{([a-z]+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

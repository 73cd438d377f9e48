// The words that scripts say, in the reader's language; the page brings them along.
export const words = JSON.parse(document.body.dataset.words ?? "{}");

export const fill = (message, values) => message.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");

// A length of time in its two largest units, as the server says it (reads/words.py: span).
export function span(seconds) {
  const s = Math.round(Math.abs(seconds));
  const part = (n, unit) => fill(words[unit], { n });
  const two = (large, small, n, rest, limit) =>
    n >= limit || rest === 0 ? part(n, large) : `${part(n, large)} ${part(rest, small)}`;
  if (s < 60) return part(s, "s");
  if (s < 3600) return two("min", "s", Math.floor(s / 60), s % 60, 5);
  if (s < 86400) return two("h", "min", Math.floor(s / 3600), Math.floor((s % 3600) / 60), 10);
  return two("d", "h", Math.floor(s / 86400), Math.floor((s % 86400) / 3600), 3);
}

export function relative(at, now) {
  const seconds = (at - now) / 1000;
  if (Math.abs(seconds) < 1) return words.now;
  const minutes = seconds <= -60 && seconds > -3600; // what is past needs no seconds beside its minutes
  return fill(seconds > 0 ? words.in : words.ago, { span: span(minutes ? Math.ceil(seconds / 60) * 60 : seconds) });
}

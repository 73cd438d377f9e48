// What every page does: keys, live parts, relative times. Each concern is a module of its own.
import "./zone.js";
import "./keys.js";
import "./live.js";
import "./times.js";

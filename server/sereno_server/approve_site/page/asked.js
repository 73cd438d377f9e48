// What can be approved here: plans, bounds and standing grants. A port of sereno_proto/plan.py and grants.py.
import { Refused, kindOf, readDocument, readInteger, readTime, writeTime } from "./documents.js";
import { DIGEST, RISKS, checkRequire, checkStep, fit, oneOf, readRequire, readSteps, requireText, stepsPairs } from "./steps.js";

const ID = /^[a-z]{3}_[a-z0-9]{1,64}$/;
const NONCE = /^[0-9a-f]{32}$/;
const PLAYBOOK = /^[a-z][a-z0-9_.]{0,94}$/;
const whole = (pattern) => new RegExp(`^(?:${pattern})$`);

/** The plan or grant that a text is; throws Refused for anything that Python refuses. */
export function readAsked(bytes) {
  const first = kindOf(bytes);
  const kind = Object.keys(KINDS).find((name) => KINDS[name].first_line === first && NAMESPACES[name].approve);
  if (!kind) throw new Refused("E_DOCUMENT_KIND", `'${first}' is nothing that is approved here`);
  const fields = readDocument(bytes, KINDS[kind]);
  const asked = kind === "plan" ? readPlan(fields) : readGrant(kind, fields);
  const written = kind === "plan" ? planPairs(asked) : grantPairs(asked);
  if (JSON.stringify(written) !== JSON.stringify([...fields])) throw new Refused("E_DOCUMENT", "the text is not written in the usual order");
  return asked;
}

function readPlan(fields) {
  const plan = {
    kind: "plan", id: fields.get("plan"), nonce: fields.get("nonce"), deviceId: fields.get("device"), deviceName: fields.get("device-name"),
    organisation: fields.get("organisation"), run: fields.get("run"), ticket: fields.get("ticket") ?? "", playbook: fields.get("playbook"), requester: fields.get("requester"), risk: fields.get("risk"),
    version: readInteger(fields.get("roster-version-min")), policy: fields.get("policy"), issued: readTime(fields.get("issued")), expires: readTime(fields.get("expires")), steps: readSteps(fields),
  };
  for (const value of [plan.id, plan.deviceId, plan.organisation, plan.run, plan.ticket || plan.run]) fit(ID, value);
  fit(NONCE, plan.nonce);
  fit(DIGEST, plan.policy);
  fit(PLAYBOOK, plan.playbook);
  fit(whole(LIMITS.DEVICE_NAME_PATTERN), plan.deviceName);
  checkCommon(plan);
  if (!(plan.expires > plan.issued && plan.expires - plan.issued <= LIMITS.PLAN_VALID_S * 1000)) throw new Refused("E_DOCUMENT", "a plan is not valid for so long");
  checkSteps(plan.steps, checkStep);
  plan.devices = [{ id: plan.deviceId, name: plan.deviceName }];
  return plan;
}

function readGrant(kind, fields) {
  const values = (prefix) => [...fields].filter(([key]) => key.startsWith(prefix)).map(([, value]) => value);
  const grant = {
    kind, id: fields.get("grant"), nonce: fields.get("nonce"), organisation: fields.get("organisation"), requester: fields.get("requester"), playbook: fields.get("playbook"),
    ticket: fields.get("ticket") ?? "", risk: fields.get("risk"), version: readInteger(fields.get("roster-version-min")), notBefore: readTime(fields.get("not-before")), expires: readTime(fields.get("expires")),
    devices: values("device.").map(readDevice), steps: readSteps(fields), uses: readInteger(fields.get("uses") ?? "1"), pause: readInteger(fields.get("pause") ?? "0"), triggers: values("trigger.").map(readRequire),
  };
  for (const value of [grant.id, grant.organisation, grant.ticket || grant.id]) fit(ID, value);
  fit(NONCE, grant.nonce);
  fit(PLAYBOOK, grant.playbook);
  checkCommon(grant);
  if (!(grant.expires > grant.notBefore && grant.expires - grant.notBefore <= LIMITS.GRANT_DAYS_MAX * 86400000)) throw new Refused("E_DOCUMENT", "a grant is not valid for so long");
  checkSteps(grant.steps, checkGrantStep);
  if (!(grant.devices.length >= 1 && grant.devices.length <= LIMITS.GRANT_DEVICES_MAX)) throw new Refused("E_LIMIT", "a grant names too many devices, or none");
  if (new Set(grant.devices.map((device) => device.id)).size !== grant.devices.length) throw new Refused("E_DOCUMENT", "a grant names a device once");
  for (const device of grant.devices) {
    fit(ID, device.id);
    fit(whole(LIMITS.DEVICE_NAME_PATTERN), device.name);
  }
  checkUse(grant);
  return grant;
}

function readDevice(value) {
  const space = value.indexOf(" ");
  return space < 0 ? { id: value, name: "" } : { id: value.slice(0, space), name: value.slice(space + 1) };
}

function checkCommon(asked) {
  fit(whole(LIMITS.PERSON_NAME_PATTERN), asked.requester);
  oneOf(RISKS, asked.risk);
  if (asked.version < 1n) throw new Refused("E_DOCUMENT", "it names no roster version");
}

function checkSteps(steps, check) {
  if (!(steps.length >= 1 && steps.length <= LIMITS.STEPS_MAX)) throw new Refused("E_LIMIT", `there are 1 to ${LIMITS.STEPS_MAX} steps`);
  for (const step of steps) check(step);
}

function checkGrantStep(step) {
  checkStep(step);
  if (step.targets.length || step.subjects.length || step.diff.length) throw new Refused("E_DOCUMENT", "nobody has seen on a device what a grant will do, so it names no targets");
  if (step.action && !step.bounds.get("targets-max")) throw new Refused("E_DOCUMENT", "every action of a grant has the limit 'targets-max'");
}

function checkUse(grant) {
  const between = (value, low, high) => value >= BigInt(low) && value <= BigInt(high);
  if (grant.kind === "bounds") {
    if (grant.uses !== 1n || grant.pause !== 0n || grant.triggers.length) throw new Refused("E_DOCUMENT", "bounds are used once a device, without a trigger");
    return;
  }
  if (!(grant.triggers.length >= 1 && grant.triggers.length <= LIMITS.GRANT_TRIGGERS_MAX)) throw new Refused("E_DOCUMENT", "a standing grant has triggers");
  if (!between(grant.uses, 1, LIMITS.GRANT_USES_MAX)) throw new Refused("E_DOCUMENT", "a standing grant is not used so often");
  if (!between(grant.pause, LIMITS.GRANT_PAUSE_S_MIN, LIMITS.GRANT_PAUSE_S_MAX)) throw new Refused("E_DOCUMENT", "the pause between two uses is too short or too long");
  for (const trigger of grant.triggers) {
    checkRequire(trigger);
    if (trigger.within) throw new Refused("E_DOCUMENT", "a trigger holds now or it does not");
  }
}

const ticketPair = (asked) => (asked.ticket ? [["ticket", asked.ticket]] : []);

function planPairs(plan) {
  return [
    ["plan", plan.id], ["nonce", plan.nonce], ["device", plan.deviceId], ["device-name", plan.deviceName], ["organisation", plan.organisation], ["run", plan.run], ...ticketPair(plan),
    ["playbook", plan.playbook], ["requester", plan.requester], ["risk", plan.risk], ["roster-version-min", String(plan.version)], ["policy", plan.policy],
    ["issued", writeTime(plan.issued)], ["expires", writeTime(plan.expires)], ...stepsPairs(plan.steps),
  ];
}

function grantPairs(grant) {
  return [
    ["grant", grant.id], ["nonce", grant.nonce], ["organisation", grant.organisation], ["playbook", grant.playbook], ["requester", grant.requester], ["risk", grant.risk],
    ["roster-version-min", String(grant.version)], ["not-before", writeTime(grant.notBefore)], ["expires", writeTime(grant.expires)], ["seen-on-device", "no"], ...ticketPair(grant),
    ...(grant.kind === "standing-grant" ? [["uses", String(grant.uses)], ["pause", String(grant.pause)]] : []),
    ...grant.devices.map((device, index) => [`device.${index + 1}`, `${device.id} ${device.name}`]),
    ...grant.triggers.map((trigger, index) => [`trigger.${index + 1}`, requireText(trigger)]), ...stepsPairs(grant.steps),
  ];
}

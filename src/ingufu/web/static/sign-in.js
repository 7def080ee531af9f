// Passkeys in the browser: what the server asks goes to the authenticator, what that answers goes back. Texts come with the buttons.
const toBytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (sign) => sign.charCodeAt(0));
const toText = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const headers = { "Content-Type": "application/json", ...JSON.parse(document.body.getAttribute("hx-headers") || "{}") };

class Refused extends Error {}

async function post(path, body) {
  const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  const told = answer.status === 204 ? {} : await answer.json();
  if (!answer.ok) throw new Refused(told.detail || told.title);
  return told;
}

const described = (list) => (list || []).map((one) => ({ ...one, id: toBytes(one.id) }));

async function use(options) {
  const publicKey = { ...options, challenge: toBytes(options.challenge), allowCredentials: described(options.allowCredentials) };
  const made = await navigator.credentials.get({ publicKey });
  const { authenticatorData, clientDataJSON, signature, userHandle } = made.response;
  return {
    id: made.id, rawId: toText(made.rawId), type: made.type, clientExtensionResults: {},
    response: {
      authenticatorData: toText(authenticatorData), clientDataJSON: toText(clientDataJSON), signature: toText(signature),
      userHandle: userHandle ? toText(userHandle) : null,
    },
  };
}

async function make(options) {
  const user = { ...options.user, id: toBytes(options.user.id) };
  const publicKey = { ...options, user, challenge: toBytes(options.challenge), excludeCredentials: described(options.excludeCredentials) };
  const made = await navigator.credentials.create({ publicKey });
  const { attestationObject, clientDataJSON } = made.response;
  return {
    id: made.id, rawId: toText(made.rawId), type: made.type, clientExtensionResults: {},
    response: {
      attestationObject: toText(attestationObject), clientDataJSON: toText(clientDataJSON),
      transports: made.response.getTransports ? made.response.getTransports() : [],
    },
  };
}

const value = (button, name) => button.closest("[data-fields]").querySelector(`[name="${name}"]`).value;

const jobs = {
  async login({ dataset }) {
    const step = dataset.step || null;
    const { options, state } = await post("/api/v1/login/passkey-options", { step });
    await post("/api/v1/login/passkey", { state, step, credential: await use(options) });
    location.assign(dataset.next);
  },
  async invitation({ dataset }) {
    const { options, state } = await post("/api/v1/invitation/passkey-options", { token: dataset.token });
    await post("/api/v1/invitation", { token: dataset.token, state, credential: await make(options) });
    location.assign(dataset.next);
  },
  async add(button) {
    const { dataset } = button;
    const { options, state } = await post("/api/v1/me/passkeys/options", { proof: value(button, "proof") });
    await post("/api/v1/me/passkeys", { state, credential: await make(options), name: value(button, "name") });
    location.assign(dataset.next);
  },
};

async function run(button) {
  const problem = document.getElementById(button.getAttribute("aria-describedby"));
  problem.hidden = true;
  button.disabled = true;
  try {
    await jobs[button.dataset.passkey](button);
  } catch (error) {
    problem.textContent = error instanceof Refused ? error.message : button.dataset.failed;
    problem.hidden = false;
  } finally {
    button.disabled = false;
  }
}

for (const button of document.querySelectorAll("[data-passkey]")) {
  if (!window.PublicKeyCredential) continue;
  button.hidden = false;
  button.addEventListener("click", () => run(button));
}

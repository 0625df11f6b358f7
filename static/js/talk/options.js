import { webSocketAddress } from "../common/address.js";
import {
  complaintOfCode,
  complaintOfProtocol,
  complaintOfProtocols,
  complaintOfReason,
  protocolsOf,
  queryOf,
} from "./rehearsal.js";
import { ROUTES } from "./routes.js";
import { recall, remember } from "./settings.js";

const REMEMBERED_AS = "websockets-demo.talk";
// What the attributes of a field cannot say about its value.
const COMPLAINTS = {
  close: complaintOfCode,
  reason: complaintOfReason,
  protocols: complaintOfProtocols,
  subprotocol: complaintOfProtocol,
};

/** The form of the options: what to connect to, how, and what to send. */
export class Options {
  #fold;
  #form;
  #panel;

  /** @param {HTMLElement} panel */
  constructor(panel) {
    this.#panel = panel;
    this.#fold = panel.querySelector("#options");
    this.#form = panel.querySelector("#options-form");
    this.#restore();
  }

  /** @returns {{address: string, protocols: string[], answers: function}} for a connection */
  get target() {
    const { route, protocols } = this.#form.elements;
    return {
      address: webSocketAddress(route.value + queryOf(new FormData(this.#form)), window.location),
      protocols: protocolsOf(protocols.value),
      answers: ROUTES[route.value].answers,
    };
  }

  /** @returns {"text" | "json" | "binary"} */
  get format() {
    return this.#form.elements.format.value;
  }

  /** @returns {boolean} whether a lost connection should be opened again */
  get reconnect() {
    return this.#form.elements.reconnect.checked;
  }

  /** Call `apply` when a connection with these options is wanted at once. */
  listen({ apply }) {
    const settle = () => {
      this.#settle();
      this.#remember();
    };
    this.#form.addEventListener("input", settle);
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      apply();
    });
    this.#panel.querySelector("#options-reset").addEventListener("click", () => {
      this.#form.reset();
      settle();
    });
    this.#fold.addEventListener("toggle", () => this.#remember());
  }

  /** @returns {boolean} whether they can be used; if not, the user is shown what to mend */
  check() {
    if (this.#form.checkValidity()) return true;
    this.#fold.open = true; // a field that is folded away could not be pointed at
    return this.#form.reportValidity();
  }

  #settle() {
    this.#enable();
    for (const field of this.#fields()) checkField(field);
    this.#tell();
  }

  // Fields that do not apply to what has been chosen are disabled, and so neither checked nor sent.
  // That leaves no contradictory rehearsals.
  #enable() {
    const { route, ending } = this.#form.elements;
    const rehearsing = route.value === "echo";
    enable(this.#panel.querySelector("#rehearsal"), rehearsing);
    this.#panel.querySelector("#no-rehearsal").hidden = rehearsing;
    for (const part of this.#form.querySelectorAll("[data-endings]")) {
      enable(part, part.dataset.endings.split(" ").includes(ending.value));
    }
  }

  #tell() {
    const { address } = this.target;
    const { pathname, search } = new URL(address);
    const place = pathname.slice(pathname.lastIndexOf("/")) + search;
    const format = this.#form.elements.format.selectedOptions[0].text;
    this.#panel.querySelector("#next-address").textContent = address;
    this.#panel.querySelector("#options-summary").textContent = `${place} · ${format}`;
    this.#panel.querySelector("#message-format").textContent =
      this.format === "text" ? "" : `as ${format}`;
  }

  #fields() {
    return [...this.#form.elements].filter((field) => field.name);
  }

  #remember() {
    const values = this.#fields().map((field) => [
      field.name,
      field.type === "checkbox" ? field.checked : field.value,
    ]);
    remember(REMEMBERED_AS, { open: this.#fold.open, fields: Object.fromEntries(values) });
  }

  #restore() {
    const { open = false, fields = {} } = recall(REMEMBERED_AS);
    for (const field of this.#fields()) restoreField(field, fields?.[field.name]);
    this.#settle();
    if (!this.#form.checkValidity()) {
      this.#form.reset();
      this.#settle();
    }
    this.#fold.open = open === true;
  }
}

function enable(fieldset, enabled) {
  fieldset.disabled = !enabled;
  fieldset.hidden = !enabled;
}

function checkField(field) {
  field.setCustomValidity(COMPLAINTS[field.name]?.(field.value) ?? "");
  if (field.willValidate && !field.validity.valid) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}

function restoreField(field, value) {
  if (field.type === "checkbox") field.checked = value === true;
  else if (typeof value === "string") field.value = value;
  if (field.type === "select-one" && field.selectedIndex < 0) field.selectedIndex = 0;
}

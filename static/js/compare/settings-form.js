import { notAllowed, unknownOptions } from "../common/link-problems.js";

const MEAN_DECIMALS = 9; // the server takes no more

// The fields by their names in a link. The ways have boxes instead.
const FIELDS = { mean: "mean", poll: "interval", seconds: "seconds" };
const WAYS = "ways";

/** The settings of a comparison in their form, and in the link of the panel. */
export class SettingsForm {
  #part;

  /** @param {function(string): HTMLElement} part finds an element of the panel by its name */
  constructor(part) {
    this.#part = part;
  }

  /** @returns {import("./run.js").Settings} */
  get settings() {
    return {
      mean: Number(this.#part("mean").valueAsNumber.toFixed(MEAN_DECIMALS)),
      interval: Number(this.#part("interval").value),
      seconds: Number(this.#part("seconds").value),
      ways: this.#chosenWays(),
    };
  }

  /** @returns {Object<string, string>} for `writeLink`: what is not as at first, and is valid */
  get link() {
    const changed = Object.entries(FIELDS)
      .map(([name, part]) => [name, this.#part(part)])
      .filter(([, field]) => field.value !== firstValue(field) && field.checkValidity())
      .map(([name, field]) => [name, field.value]);
    const ways = this.#chosenWays();
    const isChanged = ways.length && this.#boxes.some((box) => box.checked !== box.defaultChecked);
    return Object.fromEntries(isChanged ? [...changed, [WAYS, ways.join()]] : changed);
  }

  /**
   * Fill in all of the form: an option that is missing in the link gets its first value.
   *
   * @param {URLSearchParams} query of the link
   * @returns {string[]} a sentence for each option or value that is ignored
   */
  fill(query) {
    this.#part("form").reset();
    return [
      ...unknownOptions(query, [...Object.keys(FIELDS), WAYS]),
      ...Object.entries(FIELDS).flatMap(([name, part]) =>
        (query.has(name) ? fillField(name, this.#part(part), query.get(name)) : [])),
      ...(query.has(WAYS) ? this.#fillWays(query.get(WAYS)) : []),
    ];
  }

  /** Fill in the case of the article. */
  fillArticle() {
    this.#part("mean").value = 10;
    this.#part("interval").value = 1;
    this.#part("seconds").value = 180;
  }

  get #boxes() {
    return [...this.#part("form").querySelectorAll("[name=way]")];
  }

  #chosenWays() {
    return this.#boxes.filter(({ checked }) => checked).map(({ value }) => value);
  }

  #fillWays(text) {
    const ids = this.#boxes.map(({ value }) => value);
    const wanted = text.split(",").map((id) => id.trim());
    if (!wanted.every((id) => ids.includes(id))) {
      return [notAllowed(WAYS, text, `one or more of ${ids.join(",")}`)];
    }
    for (const box of this.#boxes) box.checked = wanted.includes(box.value);
    return [];
  }
}

function fillField(name, field, value) {
  const before = field.value;
  field.value = value; // A field ignores, or empties itself of, what is not a value of its kind.
  if (field.value === value && value !== "" && field.checkValidity()) return [];
  field.value = before;
  return [notAllowed(name, value, allowed(field))];
}

function allowed(field) {
  if (!field.options) return `${field.min} to ${field.max} (seconds)`;
  return `one of ${[...field.options].map(({ value }) => value).join(", ")} (seconds)`;
}

function firstValue(field) {
  if (!field.options) return field.defaultValue;
  return [...field.options].find(({ defaultSelected }) => defaultSelected).value;
}

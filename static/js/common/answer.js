/**
 * Read an answer that must be JSON.
 *
 * @param {Response} response
 * @returns {Promise<object>}
 * @throws {Error} for an error status, with what the server says about it
 */
export async function readJson(response) {
  if (response.ok) return response.json();
  const { detail } = await response.json().catch(() => ({})); // proxies answer in HTML
  throw new Error(detail ?? `status ${response.status}`);
}

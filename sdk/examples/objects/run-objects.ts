// Two functions as program text, for tasks that run Node: put and get an object of the own run. Gofer tells each task where
// the API is and which run it belongs to.

const connection = `
  const { GOFER_API_BASE_URL, GOFER_NAMESPACE, GOFER_PIPELINE_ID, GOFER_RUN_ID, GOFER_TOKEN = '' } = process.env;
  const objects = GOFER_API_BASE_URL.replace(/[/]+$/, '') + '/api/namespaces/' + GOFER_NAMESPACE +
    '/pipelines/' + GOFER_PIPELINE_ID + '/runs/' + GOFER_RUN_ID + '/objects/';
  const headers = { 'gofer-api-version': 'v0', authorization: 'Bearer ' + GOFER_TOKEN };
  async function call(path, options) {
    const response = await fetch(objects + path, { ...options, headers });
    if (!response.ok) throw new Error(response.status + ' ' + await response.text());
    return response;
  }
`;

/** Defines `putRunObject(key, body)`. */
export const putRunObject = `${connection}
  async function putRunObject(key, body) {
    await call(encodeURIComponent(key) + '?force=true', { method: 'POST', body });
  }
`;

/** Defines `getRunObject(key)`. */
export const getRunObject = `${connection}
  async function getRunObject(key) {
    return (await call(encodeURIComponent(key))).arrayBuffer();
  }
`;

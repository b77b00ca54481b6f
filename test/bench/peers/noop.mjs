/** A handler that does nothing: what Node.js and the runtime client cost. */
export const handler = async () => ({ statusCode: 200, headers: {}, body: '' });

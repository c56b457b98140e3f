// What an application can tell of exceptions and objects, as plain data of the same shape as in Python's
// `either.py`, so that one table of meant differences serves both languages.

export const otherFields = (object, known) =>
  Object.fromEntries(Object.entries(object).filter(([name]) => !known.includes(name)));

// The message is that of the error body: what an SDK builds around it quotes the whole body.
export function raised(error) {
  const body = error.error;
  const inner = body?.error ?? body;
  const header = (name) => error.headers?.get?.(name) ?? error.responseHeaders?.[name] ?? null;
  return {
    class: error.constructor.name,
    status: error.status ?? error.statusCode ?? null,
    message: inner?.message ?? null,
    type: inner?.type ?? error.type ?? null,
    param: inner?.param ?? null,
    code: inner?.code ?? null,
    retry_after: header("retry-after"),
    should_retry: header("x-should-retry"),
    has_request_id: Boolean(error.requestID),
  };
}

export const kindOf = (response) => response.headers.get("content-type").split(";")[0];


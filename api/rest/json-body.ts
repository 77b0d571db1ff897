// Reads JSON bodies (spec 1.1): no media type means JSON, parameters of it are ignored, any other one is refused; a route
// that takes no body does not look at what was sent.

import type { FastifyRequest } from 'fastify';
import { AppError } from '../../store/model/errors.ts';
import type { RestApp } from './app.ts';

const JSON_MEDIA_TYPE = 'application/json';

export function readJsonBodies(app: RestApp): void {
  // Keys such as __proto__ are refused: no field of ours has such a name.
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (request, text, done) => {
    if (request.routeOptions.schema?.body === undefined) {
      done(null, undefined);
      return;
    }
    const mediaType = mediaTypeOf(request);
    if (mediaType !== JSON_MEDIA_TYPE) {
      done(new AppError('invalid', `The body should be ${JSON_MEDIA_TYPE}.`));
      return;
    }
    const parsed: unknown = parse(request, text.toString(), (error, value) => {
      done(error === null ? null : new AppError('invalid', `The body is not valid JSON: ${error.message}.`), value);
    });
    // The type allows for a parser that takes its time; this one is done by now.
    if (parsed instanceof Promise) parsed.catch(done);
  });
}

function mediaTypeOf(request: FastifyRequest): string {
  const [mediaType = ''] = (request.headers['content-type'] ?? JSON_MEDIA_TYPE).split(';');
  return mediaType.trim().toLowerCase();
}

#!/usr/bin/env node
// The launcher behind the command `gofer`: checks the Node version, then loads the bundle.
// It is written in old syntax and imports nothing at the top, so that an old Node gets as far as the message.

var required = [20, 19];
var running = process.versions.node.split('.').map(Number);

if (running[0] < required[0] || (running[0] === required[0] && running[1] < required[1])) {
  stop(
    'gofer needs Node.js ' + required.join('.') + ' or newer; this is ' + process.version + '. See https://nodejs.org.',
  );
} else {
  var bundle = new URL('../dist/gofer.js', import.meta.url);
  import(bundle.href).catch(function (error) {
    // Only the bundle itself may be missing; anything else is a fault in it and is shown whole.
    if (error && error.code === 'ERR_MODULE_NOT_FOUND' && error.url === bundle.href) {
      stop('gofer is not built yet: run "npm run build" in its folder first.');
    } else {
      throw error;
    }
  });
}

/** @param {string} message */
function stop(message) {
  console.error(message);
  process.exitCode = 1;
}

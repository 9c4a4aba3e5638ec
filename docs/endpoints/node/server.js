// A webhook endpoint for Narada Cloud, with Express.
const crypto = require('node:crypto');
const express = require('express');

const { WEBHOOK_TOKEN, NARADA_CALLBACK_SECRET, PORT } = process.env;
if (!WEBHOOK_TOKEN || !NARADA_CALLBACK_SECRET || !PORT) {
  console.error('set WEBHOOK_TOKEN, NARADA_CALLBACK_SECRET and PORT');
  process.exit(1);
}

// timingSafeEqual requires equal lengths, which hashes have. A value that is not a string never matches.
const hash = (text) => crypto.createHash('sha256').update(text).digest();
const same = (given, want) => typeof given === 'string' && crypto.timingSafeEqual(hash(given), hash(want));

function checkHeader(req, res, next) {
  if (same(req.headers.authorization, `Bearer ${WEBHOOK_TOKEN}`)) return next();
  res.status(401).json({ error: 'wrong or missing Authorization header' });
}

function receive(req, res) {
  if (!same(req.body?.secret, NARADA_CALLBACK_SECRET)) {
    return res.status(401).json({ error: 'wrong or missing secret' });
  }
  // Write what must survive a crash to a disk or a queue here, before the response.
  res.json({ received: true });
  setImmediate(work, req.body); // after the response
}

function work({ requestId, status, response }) {
  console.log('%s\t%s\t%j', requestId, status, response?.text ?? null);
}

const app = express();
const path = '/api/narada/webhook';
// Check the header first: do not read the body of an unauthenticated request.
app.post(path, checkHeader, express.json({ limit: '32mb' }), receive);
app.all(path, (req, res) => res.status(405).set('Allow', 'POST').json({ error: 'only POST is allowed' }));
app.use((err, req, res, next) => {
  if (res.headersSent) return next(err);
  const status = err.status ?? 500; // 400 broken JSON, 413 too large
  res.status(status).json({ error: status < 500 ? err.message : 'internal error' });
});
app.listen(Number(PORT), '127.0.0.1', (err) => {
  if (err) throw err; // the port is in use
  console.error(`listening on http://127.0.0.1:${PORT}${path}`);
});

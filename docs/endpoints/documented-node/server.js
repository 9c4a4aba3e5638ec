// The Express endpoint of Narada's documentation, unchanged except for white space and the
// lines marked "changed". Do not use it: ../check.sh lists its faults.
const express = require('express');
const app = express();

app.use(express.json());

app.post('/api/narada/webhook', (req, res) => {
  const payload = req.body;

  // Verify authentication - check Authorization header from callbackHeaders
  const authHeader = req.headers.authorization;
  if (authHeader && authHeader !== `Bearer ${process.env.WEBHOOK_TOKEN}`) {
    return res.status(401).json({ error: 'Invalid authorization header' });
  }

  // Also verify the secret if provided
  if (payload.secret && payload.secret !== process.env.NARADA_CALLBACK_SECRET) {
    return res.status(401).json({ error: 'Invalid secret' });
  }

  // Process the webhook payload
  console.log(`Task ${payload.requestId} completed with status: ${payload.status}`);

  if (payload.status === 'success') {
    console.log('Response:', payload.response.text);
    // Handle successful completion
    handleSuccess(payload);
  } else if (payload.status === 'error') {
    console.error('Task failed:', payload.response.text);
    // Handle error
    handleError(payload);
  } else if (payload.status === 'input-required') {
    console.log('Input required:', payload.response.text);
    // Handle input requirement
    handleInputRequired(payload);
  }

  // Always respond with 200 to acknowledge receipt
  res.status(200).json({ received: true });
});

function handleSuccess(payload) {
  // Your success handling logic
  // Store results, trigger next steps, etc.
}

function handleError(payload) {
  // Your error handling logic
  // Log errors, retry tasks, send alerts, etc.
}

function handleInputRequired(payload) {
  // Your input handling logic
  // Notify users, pause workflows, etc.
}

const port = process.env.PORT || 3000; // changed: was 3000
app.listen(port, '127.0.0.1', () => { // changed: was all interfaces
  console.log(`Webhook endpoint listening on port ${port}`); // changed: was 3000
});

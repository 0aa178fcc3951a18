"""The person's desktop, as the broker reaches it: clipboard, notifications, browser, microphone, camera."""

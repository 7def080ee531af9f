"""How people sign in: second factors, passkeys, single sign-on, invitations, and the way back in."""

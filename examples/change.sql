-- What `rtp db plan --file` is for: the first statement is cheap, the others hold up the shop on a large table.
ALTER TABLE users ADD COLUMN referrals integer NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN invite uuid NOT NULL DEFAULT gen_random_uuid();
CREATE INDEX ix_users_invite ON users (invite);

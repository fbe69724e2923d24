-- The store's file, version 1.  A row of batch is what one read of a connection brought:
-- its body is a JSON array of the messages' own texts, and their ids count on from
-- first_id.
CREATE TABLE batch (
	first_id INTEGER PRIMARY KEY,
	count INTEGER NOT NULL,
	received_us INTEGER NOT NULL, -- since 1970, UTC; never falls
	connection INTEGER NOT NULL,
	peer TEXT NOT NULL,
	name TEXT,
	framing TEXT NOT NULL,
	body TEXT NOT NULL
);

-- How far each sender's session has come, written with the messages.
CREATE TABLE session (
	id TEXT PRIMARY KEY,
	last INTEGER NOT NULL,
	updated_us INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE meta (
	key TEXT PRIMARY KEY,
	value
) WITHOUT ROWID;

-- For queries: one row a message.  `data` is JSON whatever the message is: a text is
-- quoted again, and numbers beyond all doubles would print as Inf.  It does not name
-- batch.body, which a sorter would then carry in every row.  `where batch = ...` finds
-- its row by key.
CREATE VIEW message (id, batch, received_at, connection, peer, name, data) AS
SELECT
	batch.first_id + each.key,
	batch.first_id,
	strftime('%Y-%m-%dT%H:%M:%S', batch.received_us / 1000000, 'unixepoch')
		|| printf('.%06dZ', batch.received_us % 1000000),
	batch.connection,
	batch.peer,
	batch.name,
	CASE each.type
		WHEN 'text' THEN json_quote(each.value)
		WHEN 'true' THEN 'true'
		WHEN 'false' THEN 'false'
		WHEN 'null' THEN 'null'
		ELSE CASE each.value
			WHEN 9e999 THEN '9e999'
			WHEN -9e999 THEN '-9e999'
			ELSE each.value
		END
	END
FROM batch, json_each(batch.body) AS each;

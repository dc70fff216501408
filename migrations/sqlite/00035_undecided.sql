-- +goose Up

-- Nobody has decided about what a handler of dead letters has failed at.
DROP INDEX dead_letters_open;
CREATE INDEX dead_letters_open ON dead_letters (app_id, id) WHERE resolution IN ('', 'handler_failed');

-- +goose Down

DROP INDEX dead_letters_open;
CREATE INDEX dead_letters_open ON dead_letters (app_id, id) WHERE resolution = '';

-- As an administrator: the role and its database.
CREATE ROLE narada LOGIN PASSWORD 'a long password';
CREATE DATABASE narada OWNER narada ENCODING 'UTF8' TEMPLATE template0;

-- In a database of another owner: a schema.
CREATE SCHEMA narada AUTHORIZATION narada;

-- After the first command: another role that uses the ledger, but may not change its tables.
CREATE ROLE ci LOGIN PASSWORD 'another long password';
GRANT USAGE ON SCHEMA narada TO ci;
GRANT ALL ON ALL TABLES IN SCHEMA narada TO ci;
GRANT ALL ON ALL SEQUENCES IN SCHEMA narada TO ci;

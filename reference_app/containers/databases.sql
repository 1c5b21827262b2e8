-- The database of recommendation is the server's first one.
CREATE DATABASE auth;
CREATE DATABASE payment;
CREATE DATABASE content_streaming;
CREATE DATABASE activity;

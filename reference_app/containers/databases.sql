-- POSTGRES_DB creates the database of recommendation.
CREATE DATABASE auth;
CREATE DATABASE payment;
CREATE DATABASE content_streaming;
CREATE DATABASE activity;

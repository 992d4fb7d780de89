//! The command line from end to end: the program itself, on the real machine, each test in a folder of its own.
//!
//! What needs root (loop devices, mounts, other users) says why it is left out where it cannot run, and fails under CI.

#![allow(clippy::unwrap_used)]

mod attributes;
mod backup_identity;
mod backups;
mod backups_inside;
mod collections;
mod commands;
mod composite;
mod consent;
mod damage;
mod data_below;
mod documents;
mod duck;
mod edits;
mod failures;
mod foreign;
mod fragments;
mod grown;
mod hostile;
mod identity;
mod interruption;
mod keeping;
mod left_over;
mod lost_backups;
mod mending;
mod mistakes;
mod moved;
mod newcomer;
mod others_folders;
mod owners;
mod ownership;
mod planted;
mod prompt;
mod racer;
mod recall;
mod reference;
mod safety;
mod sandbox;
mod screens;
mod skeletons;
mod torn;
mod tree;
mod trials;
mod trust;
mod undo;
mod undo_replaced;
mod watching;
mod without_root;

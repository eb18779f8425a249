"""Texts about settings and what is asked of a command."""

from edml._translation import N_

COMMANDS = {
    # -- choosing what to predict
    "no_events": N_(
        "There is no file of events. Name one after the command, or set {key} in "
        "edml.toml."
    ),
    "url_and_registry": N_("Choose one of --url and --registry."),
    "no_half_year": N_("--period expects a half-year such as 02-2026."),
    "unknown_period": N_("The table has no such period. Its periods are: {known}."),
    "unknown_course": N_(
        "The table has no such course. Write its name or id as the table does: {known}."
    ),
    "unknown_students": N_(
        "The table does not have the students number {places} of those given. Write "
        "ids as the column {column} does."
    ),
    "unclear_students": N_(
        "Number {places} of the students given is the id of one and the file number of "
        "another. Write the ids, as the column {column} does."
    ),
    "none_running": N_(
        "No chosen course is running. Leave --running out to predict for them."
    ),
    "none_to_pick": N_(
        "No chosen student has events after day {day}. Add --no-running for courses "
        "that are over."
    ),
    "taken_names": N_(
        "The predictions have columns with these names, too: {columns}. Rename those "
        "of the table."
    ),
    "all_running": N_(
        "Column {column} is empty in every row: these courses are still running. Use "
        "events of courses that have ended."
    ),
    "one_store": N_(
        "The store {path} is read on its own and with a registry, without an endpoint. "
        "Name one store, and the registry."
    ),
    "context_of_store": N_(
        "The model compares students with their whole course, and a store is read "
        "student by student. Name a file, or train a model without signals.context."
    ),
    "features_folder": N_(
        "The features of a store become a folder. Choose a name without an ending."
    ),
    "store_not_read": N_(
        "The command edml {command} does not read the store {path}. Name the file that "
        "it was made of."
    ),
    "store_names": N_(
        "The store {path} was made with other column names. Write the same into the "
        "section columns of edml.toml, or make the store again."
    ),
    "learned_from": N_(
        "{key} needs events of other students; these are those that the models were "
        "trained on. Name newer events, or leave it out."
    ),
    "not_rule": N_(
        "tune.threshold does not hold a rule. Write a probability from 0 to 1, f1, or "
        "a rule such as recall>0.9 in quotes."
    ),
    "not_address": N_(
        "The address or the token of the endpoint is not written as it should be. An "
        "address looks like https://risk.example.org."
    ),
    "no_ledger_named": N_(
        "No ledger is named. Name one with --ledger, or set ledger.path in edml.toml."
    ),
    "not_age": N_("{option} takes a time such as 90d, 6w, 3m or 1y."),
    # -- the settings
    "set_expects": N_("After --set, write a setting and its value, as in {example}."),
    "settings_exist": N_("{path} already exists. Name another file, or add --force."),
    "no_settings": N_(
        "{path} cannot be read. Check its name, or write one with edml config init."
    ),
    "settings_not_utf8": N_("{path} is not UTF-8. Save it as UTF-8."),
    "settings_not_toml": N_(
        "{path} is not valid TOML in line {line}. Correct that line."
    ),
    "unknown_section": N_("{origin}: there is no section {section}."),
    "unknown_key": N_("{origin}: the section {section} has no key {key}."),
    "perhaps": N_("Perhaps {near} is meant."),
    "one_of": N_("Choose one of these: {known}."),
    "not_section": N_(
        "{origin}: {section} is a section. Write its name in brackets, and its keys on "
        "the lines below."
    ),
    "secret_in_settings": N_(
        "{origin}: a secret does not belong here. Remove it, and set {name} in the "
        "environment."
    ),
    "removed_key": N_("{origin}: {key} is no longer used. Remove it."),
    "beyond_limit": N_("{origin}: {key} must be a number {limit}."),
    "not_choice": N_("{origin}: {key} must be one of these: {known}."),
    "not_setting": N_(
        "{origin}: {key} cannot have this value. It is written like this: {example}."
    ),
    "shares_leave_none": N_(
        "{origin}: the shares leave no student to train on. The sum of "
        "test_share and contest_share must be below 1."
    ),
    "context_of_classic": N_(
        "{origin}: context compares what the features progress and full show. Set "
        "signals.features to one of them, or signals.context to false."
    ),
    "renamed_variable": N_("{old} is now called {new}. Rename it."),
    "ignored_variable": N_("{name} is not a setting, and was ignored."),
}

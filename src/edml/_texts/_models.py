"""Texts about models, stores and the ledger."""

from edml._translation import N_

MODELS = {
    # -- models
    "no_models": N_("There is no model yet. Train one first, with edml run."),
    "none_in_stage": N_(
        "No model is in that stage. Put one into production first, with edml registry "
        "promote."
    ),
    "no_version": N_("There is no version {version}. Choose another."),
    "no_previous": N_(
        "The model before this one is no longer stored. Promote the version that you "
        "want."
    ),
    "seen_students": N_(
        "Version {version} was trained on all of these students. Use events of others."
    ),
    "no_candidate": N_(
        "The search found no good model. Lower tune.min_score, or allow more "
        "evaluations or time."
    ),
    "no_evaluation": N_(
        "No model has been evaluated on other students. Run edml update."
    ),
    "other_run": N_("Another run is working in {folder}. Wait until it ends."),
    "registry_locked": N_(
        "Another program is changing the models right now. Try again later."
    ),
    "unsigned": N_(
        "A file of the registry has no signature, although a key is set. Do not trust "
        "it; ask whoever stored it."
    ),
    "wrong_signature": N_(
        "A file of the registry was signed with another key. Check the keys; if they "
        "are right, restore the file from a backup."
    ),
    "no_answer": N_(
        "{url} does not answer. Check the address, and that the endpoint runs."
    ),
    "not_endpoint": N_(
        "{url} did not answer as an endpoint of edml does (status {status}). Check the "
        "address."
    ),
    "contacts_in_use": N_("Another program is writing to {name}. Try again."),
    "not_contacts": N_(
        "The first line of {name} does not hold student, course and date, separated by "
        "commas. Choose another name for the file of contacts."
    ),
    "not_version": N_(
        "There is no such version. Write its number, production, staging or latest."
    ),
    "several_in_stage": N_(
        "Several versions are in {stage}: {versions}. Write the number of one."
    ),
    "use_demote": N_(
        "Version {version} is already above that stage, in {stage}. Use edml registry "
        "demote."
    ),
    "in_production": N_(
        "Version {version} is in production. Promote another one first."
    ),
    "registry_damaged": N_(
        "A file of the registry is damaged. Restore it from a backup, or run edml "
        "registry repair."
    ),
    "model_damaged": N_("The file of the model is damaged. Restore it from a backup."),
    "other_answers": N_(
        "The model does not answer as it did when it was stored. Its file was changed, "
        "or the libraries on this computer differ: install those of its record, or fit "
        "it again."
    ),
    "later_registry": N_(
        "A later version of edml wrote a file of the registry. Update edml."
    ),
    "later_model": N_(
        "A later version of edml stored this model. Install edml {version} or later."
    ),
    "not_export": N_(
        "The file is not an exported model, or is damaged. Export the model again."
    ),
    "not_name": N_(
        "A name has at most 64 letters, digits, hyphens, underscores and dots, and "
        "begins with a letter, a digit or an underscore. Choose another."
    ),
    "file_exists": N_("{path} already exists. Choose another name."),
    "not_accessible": N_(
        "A file or folder cannot be read or written. Check its name, your permissions "
        "and the free disk space."
    ),
    "symlink": N_(
        "The registry contains a symbolic link, {path}, which may lead elsewhere. "
        "Replace it with what it stands for, or remove it."
    ),
    "no_readable_file": N_(
        "No file of the registry can be read with these keys. Check the keys; if they "
        "are right, restore a backup."
    ),
    "only_public_keys": N_(
        "Only public keys are set, which can read. To change the models, set "
        "EDML_REGISTRY_PRIVATE_KEY or EDML_REGISTRY_KEY."
    ),
    "needs_key": N_(
        "The registry is signed, and no key is set. To change the models, set "
        "EDML_REGISTRY_PRIVATE_KEY or EDML_REGISTRY_KEY."
    ),
    "not_key": N_(
        "{path} is not a key that can be used. Write a pair with edml registry keygen."
    ),
    "older_state": N_(
        "The registry is older than when it was last read: somebody has brought an "
        "earlier state back. If it was you, from a backup, remove {path}."
    ),
    "memory_needs_key": N_(
        "registry.memory only protects a signed registry, and no key is set. Set one, "
        "or leave registry.memory out."
    ),
    "memory_inside": N_(
        "registry.memory must be outside of the registry; {path} is inside. Choose "
        "another folder."
    ),
    "not_memory": N_(
        "{path} holds something else than the memory of this registry. Choose another "
        "file, one for each registry."
    ),
    "no_challenger": N_(
        "No other version can compete with the model in production. Train another one "
        "with edml tune."
    ),
    "moved_meanwhile": N_(
        "Somebody changed the models meanwhile. Nothing was changed here; try again."
    ),
    "one_outcome": N_(
        "All of these students fail, or all pass. Use events with students of both "
        "kinds."
    ),
    "no_rule": N_(
        "Version {version} has no rule for its threshold. Set update.threshold."
    ),
    "seen_rows": N_("The model was trained on these students. Use events of others."),
    "not_rebuilt": N_(
        "Version {version} cannot be fitted again, because its record does not say "
        "how. Train a new model with edml tune."
    ),
    # -- how honest the splits of a table are
    "split_left_out": N_(
        "The split {split} is left out: the table does not have enough periods, "
        "courses or students for it."
    ),
    "folds_of_courses": N_("The split {split} has {n} folds, one for each course."),
    "no_forward": N_(
        "Without the split {split}, all days are evaluated, and optimism is the "
        "difference from {other}."
    ),
    "unmarked_steps": N_(
        "All steps were fitted in each fold. Under the split row-random, they saw a "
        "part of each history."
    ),
    # -- object stores, and stores of events
    "nothing_pushed": N_(
        "There is no registry at {url}, or an older one than before. Check the "
        "address, or push first."
    ),
    "pushed_by_others": N_(
        "Somebody else has pushed to {url}. Pull into another folder and make your "
        "change there, or push to another address."
    ),
    "pushed_just_now": N_(
        "Somebody else has just pushed to {url}. Pull, and push again."
    ),
    "changed_here": N_(
        "The registry here has changes that {url} lacks. Push them, or pull into "
        "another folder."
    ),
    "push_incomplete": N_(
        "The registry at {url} is incomplete or damaged. Nothing was changed here. "
        "Push again."
    ),
    "needs_local": N_("{path} must be on this computer, without an address."),
    "password_in_url": N_(
        "The address {url} contains a user and a password. Remove them, and set them "
        "in the environment, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
    ),
    "no_object": N_("There is nothing at {url}. Check the address."),
    "store_denies": N_(
        "The store denies access to {url}. Check the credentials in the environment, "
        "and what they may do."
    ),
    "no_credentials": N_(
        "There are no credentials for {url}. Set them in the environment."
    ),
    "unknown_store": N_(
        "{url} is not the address of a known store. Begin with s3://, gs:// or az://."
    ),
    "store_failed": N_(
        "The store at {url} did not answer as expected. Check the connection, and try "
        "again; nothing is half-written."
    ),
    "also_source": N_("{path} is also the source. Choose another folder."),
    "mixed_column": N_(
        "A column that edml does not use holds values of several kinds. Delete it, or "
        "format it as text."
    ),
    "not_ours": N_(
        "{path} already exists and holds something else. Remove it, or choose another "
        "folder."
    ),
    "being_written": N_(
        "Another program is writing {path}. Wait for it, or choose another folder."
    ),
    "none_ended": N_(
        "No student of the store has a final grade. Use courses that have ended."
    ),
    "not_store": N_("{path} is not a store of events. Make one with edml bucket."),
    "store_damaged": N_("{path} is damaged. Make the store again with edml bucket."),
    "other_store": N_(
        "Another version of edml wrote the store {path}. Update edml, or make the "
        "store again."
    ),
    # -- the ledger
    "no_ledger": N_("There is no ledger {name}. Check its name and its folder."),
    "not_ledger": N_("The file {name} is not a ledger. Check its name."),
    "later_ledger": N_(
        "The ledger {name} was written by a later version of edml. Update edml."
    ),
    "damaged_ledger": N_(
        "The ledger {name} is damaged, or another kind of file. Check its name, or "
        "restore it from a backup."
    ),
    "ledger_in_use": N_(
        "Another program is still writing to the ledger. Try again later."
    ),
    "ledger_not_written": N_(
        "The ledger could not be written. Check its folder and your permissions, and "
        "free disk space."
    ),
    "ledger_failed": N_(
        "The ledger could not be read or written; what it holds is unchanged. Free "
        "disk space, or check the permissions of the file and its folder."
    ),
    "ledger_not_wiped": N_(
        "The entries are deleted, but their bytes are still in a file beside the "
        "ledger, because another program reads it. Repeat the command later."
    ),
    "ledger_without_key": N_(
        "A key was given, but the ledger has no pseudonyms. Leave the key out, or "
        "begin another ledger."
    ),
    "no_ledger_key": N_(
        "The ids of the ledger are pseudonyms, and its key was not given. Set "
        "ledger.key_file, or begin another ledger."
    ),
    "other_ledger_key": N_(
        "The ledger was begun with another key. Use that one, or begin another ledger."
    ),
    "no_ledger_key_file": N_(
        "The file of the ledger's key cannot be read. Check its name and your "
        "permissions."
    ),
    "short_ledger_key": N_(
        "The key of the ledger is too short. It needs at least 16 characters."
    ),
    "missing_extra": N_("A part of edml is not installed. Run: {command}."),
    "rejected": N_(
        "{url} rejected the request (status {status}). Ask whoever runs the endpoint."
    ),
    "rejected_column": N_(
        "{url} rejected the table, because of column {column}. Correct the column."
    ),
}

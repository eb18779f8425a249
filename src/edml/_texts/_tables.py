"""Texts about files, their columns and their cells."""

from edml._translation import N_

TABLES = {
    # -- opening a file
    "no_file": N_("There is no file {path}. Check its name and its folder."),
    "file_kind": N_(
        "Files such as {name} cannot be read. Save the table as CSV, Excel (.xlsx), "
        "JSON or Parquet."
    ),
    "gzip": N_("The file cannot be unpacked. Compress it again."),
    "too_large": N_("The file unpacks to more than 4 GB. Split it."),
    "encoding": N_("The file is not text in {encoding}. Save it as CSV in UTF-8."),
    "null_characters": N_(
        "The file is not plain text, or its encoding is unknown. Save it as CSV in "
        "UTF-8."
    ),
    "empty_file": N_(
        "The file is empty. The first line holds the column names, and each line below "
        "it a row."
    ),
    "not_excel": N_("The file is not an Excel workbook. Save it again as .xlsx."),
    "no_sheet": N_("The workbook has no sheet {sheet}. Its sheets are: {sheets}."),
    "mixed_percents": N_(
        "The column {column} mixes formats: line {percent} holds a percentage, which "
        "Excel keeps as a fraction, and line {plain} a plain number. Format the whole "
        "column alike, and correct its values."
    ),
    "not_json": N_(
        "The file is not JSON. Write one record in each line, a list of records, or "
        "an object of columns."
    ),
    "not_json_at": N_(
        "The file is not JSON from line {line} on. Write one record in each line, a "
        "list of records, or an object of columns."
    ),
    "nested_json": N_(
        "The JSON in the file is nested too deeply. Write one record in each line, a "
        "list of records, or an object of columns."
    ),
    "doubled_in_json": N_(
        "An object in the file holds a name more than once: {columns}. Write each name "
        "once."
    ),
    "no_record": N_(
        "There is no record in {where}. Write one record in each line, a list of "
        "records, or an object of columns."
    ),
    "unequal_columns": N_(
        "The columns {first} and {second} do not have the same rows. Leave the cell "
        "empty (null) where there is no value."
    ),
    "not_parquet": N_(
        "The file is not Parquet, or is damaged. Write it again, or save it as CSV."
    ),
    "no_parts": N_("There is no Parquet file in the folder. Choose another folder."),
    "unequal_parts": N_(
        "The files {first} and {second} do not have the same columns: {columns}. Write "
        "them from one table, or move one elsewhere."
    ),
    "parts_of_types": N_(
        "The files in the folder hold columns of different types. Write them from one "
        "table."
    ),
    "index_gaps": N_(
        "The table lacks values of {column} for some rows. Write it as a column."
    ),
    # -- the line of names
    "quotes_at_top": N_(
        "The quotes in the first lines cannot be read. Close every quote, and write a "
        "quote inside quotes twice."
    ),
    "below_title": N_(
        "The column names are in line {line}, below a title. Delete the lines above it."
    ),
    "several_headers": N_(
        "The table has several lines of column names. Leave one name for each column."
    ),
    "doubled_names": N_(
        "Several columns have the same name: {columns}. Rename or delete all but one."
    ),
    "renamed_name": N_(
        "The column {second} seems to be a copy of {first}. Rename it or delete it."
    ),
    "similar_name": N_(
        "The column {column} differs from {expected} only in upper and lower case, "
        "spaces, hyphens or underscores. Rename it, or delete it."
    ),
    "missing_columns": N_(
        "These columns are missing: {columns}. Rename those that have another name."
    ),
    "missing_for_model": N_(
        "The model in production also reads these columns, which are missing: "
        "{columns}. Add them to the table."
    ),
    "no_events_file": N_(
        "The file that the app was started with does not exist. Tell whoever runs "
        "the app, or upload a file."
    ),
    "similar_columns": N_("Similar names: {near}."),
    "columns_in_index": N_("They are in the table's index: {columns}."),
    "not_separated": N_("The separator {sep} does not occur among the column names."),
    "unnamed_column": N_(
        "Column {place} has values but no name. Name it or delete it."
    ),
    "unnamed_cell": N_(
        "Line {line} has a value in column {place}, which has no name. Name the "
        "column, or empty the cell."
    ),
    # -- the rows
    "ragged": N_(
        "Line {line} has {found} fields, but there are {expected} column names. "
        "Correct the line; a field that holds the separator needs quotes around it."
    ),
    "names_again": N_("Line {line} holds the column names again. Delete it."),
    "quotes": N_(
        "The quotes in the line after line {line} cannot be read. Close every quote, "
        "and write a quote inside quotes twice."
    ),
    "also_unreadable": N_("Correct these columns, too: {columns}."),
    # -- the cells of a column
    "no_value": N_(
        "Column {column} needs a value in every row; it is empty in {where}. Fill in "
        "the cells, or delete the rows."
    ),
    "not_text": N_(
        "Column {column} holds neither text nor a number in {where}. Format the cells "
        "as text."
    ),
    "not_id": N_(
        "Column {column} does not hold an id in {where}. Ids are text or whole "
        "numbers: format the cells as text."
    ),
    "rounded_id": N_(
        "Column {column} holds rounded ids, such as 1.23E+15, in {where}: their last "
        "digits are lost. Export them again, with the ids as text."
    ),
    "collection": N_(
        "Column {column} holds several values in one cell in {where}. Write one text "
        "or number in each."
    ),
    "not_numbers": N_(
        "Column {column} does not hold a number in {where}. Correct the cells, or "
        "leave them empty."
    ),
    "infinite": N_(
        "Column {column} holds an infinite number in {where}. Correct the cells, or "
        "leave them empty."
    ),
    "immense": N_(
        "Column {column} holds a number beyond a million in {where}. Check that each "
        "column holds what its name says."
    ),
    "negative_day": N_(
        "Column {column} does not hold a day of the course in {where}. Days are whole "
        "numbers from 0 on."
    ),
    "fractional_day": N_(
        "Column {column} holds a fraction of a day in {where}. Days are whole numbers "
        "from 0 on."
    ),
    "no_date": N_(
        "Column {column} does not hold a date in {where}. Write dates as 2024-03-31 or "
        "2024-03-31T18:00:00Z, all in one way."
    ),
    "date_range": N_(
        "Column {column} holds a date outside 1990 to 2100 in {where}. Correct it, or "
        "leave it empty."
    ),
    "mixed_dates": N_(
        "Column {column} holds dates that are written in several ways. Write all as "
        "2024-03-31 or 2024-03-31T18:00:00Z."
    ),
    "date_written": N_("Whoever runs the program can set how dates are written."),
    "no_period": N_(
        "Column {column} does not hold a period in {where}. Periods are written as "
        "01-2024 or 02-2024."
    ),
    "varying_column": N_(
        "Column {column} has several values for one student in a course. Keep one for "
        "each, as known when the course begins."
    ),
    "missing_activity": N_(
        "This model reads columns that the table lacks: {columns}. Add them, with 0 "
        "where a student did nothing, or use a model without them."
    ),
    "missing_context": N_(
        "This model compares students with their course, and the table lacks the "
        "course's means: {columns}. Compute them from all students of the course."
    ),
    "varying_context": N_(
        "Column {column} has several values for one student, course and day. Compute "
        "the course's means again."
    ),
    "missing_static": N_(
        "This model reads columns about the student that the table lacks: {columns}. "
        "Add them, or use a model without them."
    ),
    # -- what was inferred of a file
    "context_computed": N_(
        "Students are compared with all of their course in the file, which must hold "
        "whole courses."
    ),
    "read_utf16": N_("The file was read as UTF-16."),
    "read_cp1252": N_(
        "The file was read as Windows-1252: check letters with accents, and better "
        "save it as UTF-8."
    ),
    "read_separator": N_("The first line names the separator {sep}."),
    "read_separated": N_("Columns are separated by {sep}."),
    "read_tabs": N_("Columns are separated by tabs."),
    "read_commas": N_("Numbers have a decimal comma."),
    "read_merged": N_(
        "The workbook has merged cells, of which only the first holds a value: if they "
        "are among the rows, unmerge them and fill each cell."
    ),
    "read_sheet": N_("The sheet {sheet} was read, one of {n}."),
    "read_index": N_("Columns were read from the table's index: {columns}."),
    "read_parts": N_("The table was read from {n} files."),
    "left_out_numbers": N_(
        "Column {place} was left out: it has no name, and numbers the rows."
    ),
    "read_epochs": N_(
        "Dates were read as {unit} since 1970, in the columns {columns}."
    ),
    "read_as_utc": N_(
        "Dates have no time zone and were read as UTC, in the columns {columns}."
    ),
    "alike_ids": N_(
        "Column {column} holds ids that differ from another only in spaces, case or "
        "leading zeros ({n}); they count as different. Write each id in one way."
    ),
    "alike_names": N_(
        "Names that differ only in upper and lower case count as different ({n}), in "
        "the columns {columns}. Write each name in one way."
    ),
    "read_tails": N_(
        "1004.0 was read as the id 1004, in the columns {columns}. Write ids as text."
    ),
    "kept_words": N_(
        "The columns {columns} hold the words {words}. If they mean that a value is "
        "missing, leave the cells empty."
    ),
    "small_scores": N_(
        "Column {column} holds scores of 0 to 1. If they are fractions, multiply them "
        "by 100."
    ),
    "without_columns": N_(
        "The table has no {columns}. What they would show is unknown."
    ),
    "score_from_row": N_("A score counts from the day of its row on."),
    # -- what is scored, and imports of a platform's tables
    "no_rows": N_("The table has no rows."),
    "no_rows_yet": N_("The table has no events up to day {day}. Choose a later day."),
    "none_chosen": N_("The table has no events of this course and period."),
    "doubled_columns": N_(
        "The table {table} has several columns of one name: {columns}. Rename or "
        "delete all but one."
    ),
    "table_lacks_columns": N_(
        "The table {table} lacks columns: {columns}. Rename those that have another "
        "name."
    ),
    "missing_tables": N_("These tables are missing in {place}: {tables}."),
    "doubled_tables": N_(
        "These tables are in {place} more than once: {tables}. Keep one of each."
    ),
    "no_folder": N_("There is no folder {path}. Check its name."),
    "not_moodle": N_(
        "These are not tables of Moodle: course, enrol or user_enrolments is missing. "
        "All have one prefix, such as mdl_."
    ),
    "unreadable_export": N_("The file {name} cannot be read. Export it again."),
    "written_as": N_("Tables are written as .csv or .parquet. Choose one of the two."),
    "above_scale": N_(
        "Most values of column {column} in table {table} are above {scale}. Say what "
        "the highest grade is, as with --grade-scale 100."
    ),
    "no_end": N_(
        "The table {table} lacks the end of some rows, and no other table holds a "
        "date. Fill in the column end, or say until when the data reach, with --until."
    ),
    "repeated": N_(
        "Column {column} repeats the value of an earlier row in {where}. Keep one row "
        "for each."
    ),
    "unmatched": N_(
        "Column {column} names, in {where}, what the other tables lack. Correct the "
        "ids, or leave such rows out, with --unknown drop."
    ),
    "not_count": N_(
        "Column {column} does not hold a number from 0 on in {where}. Correct it."
    ),
    "undated_score": N_(
        "Column {column} holds a score without a day in {where}. Fill in when the work "
        "was submitted or graded."
    ),
    "not_flag": N_(
        "Column {column} holds neither true nor false in {where}. Export the table "
        "again."
    ),
    "not_database": N_(
        "This is not the address of a database. Write it like "
        "postgresql://user:password@host/moodle, or begin with mysql:// or mariadb://. "
        "Within a password, write % as %25 and @ as %40."
    ),
    "database_failed": N_(
        "Moodle's database cannot be read. Check its address, that the server runs, "
        "and that the user may read Moodle's tables."
    ),
    "unknown_courses": N_(
        "There are no courses with these ids or short names: {courses}. Correct them."
    ),
    "no_log": N_(
        "The table {table} is missing. Export it too, or read the data without it."
    ),
    "none_enrolled": N_(
        "No student is enrolled in these courses. Check the courses and the roles, and "
        "that the tables enrol, user_enrolments and those of the roles are complete."
    ),
    "no_student_role": N_(
        "The roles {roles} are not those of students. Name the right ones, with "
        "--student-role."
    ),
    "undated_courses": N_(
        "Some courses have neither a start date nor dated enrolments. Set their start "
        "dates in Moodle, or leave these courses out."
    ),
    "no_dates": N_("The export holds no dates. Say its day, with --until."),
}

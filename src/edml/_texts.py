"""What `edml._messages` says for each code, in English for people."""

from edml._translation import N_

TEXTS = {
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
    "missing_static": N_(
        "This model reads columns about the student that the table lacks: {columns}. "
        "Add them, or use a model without them."
    ),
}

"""The closed lists of the SQL an app may use: functions, pragmas, modules and reserved table names.

A name that is not here is refused. Functions whose cost grows with the product of two texts
(``json_patch``) are left out, or replaced by linear ones (see `locara.storage.functions` and
`locara.storage.excerpts`), because SQLite cannot be interrupted inside a function.
"""

from __future__ import annotations

from typing import Final

_SCALAR = """
abs ceil ceiling changes char coalesce concat concat_ws floor format glob hex if ifnull iif instr
last_insert_rowid length like likelihood likely lower ltrim max min mod nullif octet_length printf quote
random randomblob replace round rtrim sign substr substring total_changes trim trunc typeof unhex
unicode unistr unistr_quote unlikely upper zeroblob sqlite_version current_date current_time
current_timestamp date datetime julianday strftime time timediff unixepoch
"""
_MATHS = """
acos acosh asin asinh atan atan2 atanh cos cosh degrees exp ln log log10 log2 pi pow power radians sin sinh
sqrt tan tanh
"""
_AGGREGATE = """
avg count group_concat string_agg sum total median percentile percentile_cont percentile_disc cume_dist
dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number
"""
_JSON = """
-> ->> json json_array json_array_insert json_array_length json_error_position json_extract json_group_array
json_group_object json_insert json_object json_pretty json_quote json_remove json_replace json_set json_type
json_valid jsonb jsonb_array jsonb_array_insert jsonb_extract jsonb_group_array jsonb_group_object
jsonb_insert jsonb_object jsonb_remove jsonb_replace jsonb_set
"""
_SEARCH = """
match bm25 highlight snippet
vec_add vec_bit vec_distance_cosine vec_distance_hamming vec_distance_l1 vec_distance_l2 vec_f32 vec_int8
vec_length vec_normalize vec_quantize_binary vec_quantize_int8 vec_slice vec_sub vec_to_json
vec_type vec_version
"""
# SQLite's own ALTER TABLE is written in SQL that calls these; from any other place they do not exist.
_ALTER = """
sqlite_add_constraint sqlite_drop_column sqlite_drop_constraint sqlite_fail sqlite_find_constraint
sqlite_rename_column sqlite_rename_quotefix sqlite_rename_table sqlite_rename_test
"""

FUNCTIONS: Final = frozenset(" ".join((_SCALAR, _MATHS, _AGGREGATE, _JSON, _SEARCH, _ALTER)).split())

# Read-only questions about the schema. The value says whether an argument (a table or index name) is part
# of it.
PRAGMAS: Final[dict[str, bool]] = {
    "table_info": True,
    "table_xinfo": True,
    "table_list": True,
    "index_list": True,
    "index_info": True,
    "index_xinfo": True,
    "foreign_key_list": True,
    "foreign_key_check": True,
    "data_version": False,
    "user_version": False,
    "page_count": False,
    "page_size": False,
    "freelist_count": False,
}

MODULES: Final = frozenset({"fts5", "vec0"})
# Virtual tables that exist without being created; the first two are registered by SQLite when they are
# first named.
TABLE_FUNCTIONS: Final = frozenset({"json_each", "json_tree", "vec_each"})

SYSTEM_TABLES: Final = frozenset(
    {"sqlite_master", "sqlite_schema", "sqlite_temp_master", "sqlite_temp_schema", "sqlite_sequence"}
)
INTERNAL_PREFIX: Final = "__locara_"
OWN_TABLES: Final = frozenset({"__locara_settings", "__locara_migrations"})
# Names of virtual tables that look inside SQLite, memory or other files. No app table may take them either.
PEEKING_TABLES: Final = frozenset(
    {"dbstat", "bytecode", "tables_used", "carray", "fsdir", "fts3tokenize", "fts5vocab"}
)

"""The schema that inference finds in real tables. What is written here was read in the tables' own descriptions."""

from __future__ import annotations

import pytest

from tsynth.data.infer import guess_entity_time
from tsynth.data.reading import read, read_table

pytestmark = pytest.mark.needs_data

TABLES = {
    "berka": ("transactions/berka/trans_1993-01_1994-03.parquet", "account_id", "date"),
    "cdnow": ("transactions/cdnow_master.parquet", "customer_id", "date"),
    "retail": ("transactions/online_retail_uci352.parquet", "CustomerID", "InvoiceDate"),
    "handbook": ("transactions/fraud_handbook_simulated/2018-04.parquet", "CUSTOMER_ID", "TX_DATETIME"),
    "pbc2": ("clinical/pbc2.csv.gz", "id", "year"),
    "pbcseq": ("clinical/pbcseq.csv.gz", "id", "day"),
    "aids": ("clinical/aids_ddi_ddc.csv.gz", "patient", "obstime"),
    "cav": ("clinical/msm_cav.csv.gz", "PTNUM", "years"),
    "diabetes": ("clinical/uci_diabetes70.csv.gz", "patient_id", "timestamp"),
    "carparts": ("series/carparts.parquet", "series_id", "time"),
    "hospital": ("series/hospital.parquet", "series_id", "time"),
    "arch": ("series/arch_financial.parquet", "series_id", "time"),
    "stackoverflow": ("events/stackoverflow_badges.parquet", "seq_id", "time"),
    "twitter": ("events/twitter_politics.csv", "seq_id", "time"),
}


def load(folder, name, **options):
    path, entity, time = TABLES[name]
    return read(folder / path, entity=entity, time=time, **options)


def kinds(data) -> dict[str, str]:
    return {c.name: c.kind for c in data.schema}


def roles(data) -> dict[str, str]:
    return {c.name: c.role for c in data.schema if c.role != "value"}


def statics(data) -> set[str]:
    return {c.name for c in data.schema if c.static and c.role != "entity"}


@pytest.mark.parametrize("name", TABLES)
def test_entity_and_time_are_guessed(shared_data, name):
    path, entity, time = TABLES[name]
    assert guess_entity_time(read_table(shared_data / path)[0])[:2] == (entity, time)


def test_berka(shared_data):
    data = load(shared_data, "berka")
    assert kinds(data) == {
        "trans_id": "identifier",
        "account_id": "identifier",
        "date": "datetime",
        "type": "category",
        "operation": "category",
        "amount": "continuous",
        "balance": "continuous",
        "k_symbol": "category",
        "bank": "category",
        "account": "identifier",
    }
    assert roles(data) == {"account_id": "entity", "date": "time", "type": "mark", "account": "party"}
    assert data.schema["amount"].decimals == data.schema["balance"].decimals == 1
    assert data.schema["type"].levels[0] == "VYDAJ"
    assert (data.schema.time_unit, data.schema.frequency) == ("d", None)
    assert not statics(data)


def test_berka_with_accounts(shared_data):
    data = load(shared_data, "berka", entities=shared_data / "transactions/berka/account.csv.gz")
    assert (data.n_entities, int((data.lengths > 0).sum())) == (4500, 1229)
    assert data.schema.entity_columns == ("district_id", "frequency", "account_date")
    assert statics(data) == {"district_id", "frequency", "account_date"}
    assert data.schema["frequency"].kind == "category"
    assert data.schema["account_date"].kind == "datetime"


def test_cdnow(shared_data):
    data = load(shared_data, "cdnow")
    assert kinds(data) == {
        "customer_id": "identifier",
        "date": "datetime",
        "n_cds": "count",
        "amount": "continuous",
    }
    assert data.schema["amount"].decimals == 2
    assert (data.n_entities, data.schema.time_unit, data.schema.frequency) == (23_570, "d", None)


def test_online_retail(shared_data):
    data = load(shared_data, "retail", null_entity="drop")
    assert kinds(data) == {
        "InvoiceNo": "identifier", "StockCode": "identifier", "Description": "text", "Quantity": "continuous",
        "InvoiceDate": "datetime", "UnitPrice": "continuous", "CustomerID": "identifier", "Country": "category",
    }  # fmt: skip
    assert roles(data) == {"CustomerID": "entity", "InvoiceDate": "time", "StockCode": "party"}
    assert data.schema.time_unit == "min"
    assert any(n.code == "null_entity_dropped" and "135,080 rows" in n.message for n in data.notes)


def test_ucsd(shared_data):
    path = shared_data / "transactions/ucsd_fico_2009_task2_train.parquet"
    data = read(path, entity="card_code", time=["day_index_derived", "hour1"])
    found = kinds(data)
    assert {found[f"flag{i}"] for i in range(1, 6)} == {"category"}
    assert (found["amount"], found["email_code"], found["state1"]) == ("continuous", "identifier", "category")
    assert roles(data)["is_fraud"] == "label"
    assert roles(data)["email_code"] == "party"
    assert "mark" not in roles(data).values()
    assert (
        data.frame.column_names[:3] == ["day_index_derived", "amount", "state1"]
        or "hour1" in data.frame.column_names
    )
    assert data.frame.schema.field("day_index_derived").type == "int16"


def test_handbook(shared_data):
    data = load(shared_data, "handbook")
    assert kinds(data) == {
        "TRANSACTION_ID": "identifier",
        "TX_DATETIME": "datetime",
        "CUSTOMER_ID": "identifier",
        "TERMINAL_ID": "identifier",
        "TX_AMOUNT": "continuous",
        "TX_FRAUD": "category",
        "TX_FRAUD_SCENARIO": "category",
    }
    assert roles(data) == {
        "TRANSACTION_ID": "order",
        "TX_DATETIME": "time",
        "CUSTOMER_ID": "entity",
        "TERMINAL_ID": "party",
        "TX_FRAUD": "label",
    }
    assert data.schema["TX_FRAUD"].levels == (0, 1)
    assert data.schema.time_unit == "s"


def test_pbc2(shared_data):
    data = load(shared_data, "pbc2")
    assert roles(data) == {
        "id": "entity",
        "years": "followup",
        "status": "event",
        "drug": "arm",
        "year": "time",
    }
    assert statics(data) == {"years", "status", "drug", "age", "sex", "status2"}
    assert data.schema.event_levels == {"alive": "censored", "dead": "event", "transplanted": "transplanted"}
    found = kinds(data)
    assert {found[n] for n in ("ascites", "hepatomegaly", "spiders", "edema", "histologic")} == {"category"}
    assert {found[n] for n in ("serBilir", "albumin", "SGOT", "prothrombin")} == {"continuous"}
    assert data.schema["serChol"].nullable
    assert data.schema["serBilir"].decimals == 1


def test_pbcseq(shared_data):
    data = load(shared_data, "pbcseq")
    found = roles(data)
    assert (found["futime"], found["status"], found["trt"]) == ("followup", "event", "arm")


def test_aids(shared_data):
    data = load(shared_data, "aids")
    assert roles(data) == {
        "patient": "entity",
        "Time": "followup",
        "death": "event",
        "obstime": "time",
        "drug": "arm",
        "start": "start",
        "stop": "stop",
    }
    assert statics(data) == {"Time", "death", "drug", "gender", "prevOI", "AZT"}
    assert data.schema.event_levels == {"0": "censored", "1": "event"}


def test_msm_cav(shared_data):
    data = load(shared_data, "cav")
    assert roles(data) == {"PTNUM": "entity", "years": "time", "state": "mark"}
    assert statics(data) == {"dage", "sex", "pdiag"}
    assert kinds(data)["cumrej"] == "count"
    assert kinds(data)["state"] == "category"
    assert data.schema["state"].levels == (1, 2, 4, 3)


def test_diabetes(shared_data):
    data = load(shared_data, "diabetes")
    assert roles(data) == {"patient_id": "entity", "timestamp": "time", "event": "mark"}
    assert kinds(data)["code"] == "category"
    assert kinds(data)["value"] == "continuous"
    assert (data.schema.time_unit, data.schema.frequency) == ("min", None)
    assert 0 < data.out_of_order < 0.01


def test_carparts(shared_data):
    data = load(shared_data, "carparts")
    assert kinds(data) == {"series_id": "identifier", "time": "datetime", "value": "count"}
    assert data.schema["value"].dtype == "double"
    assert data.schema["value"].nullable
    assert data.schema.frequency == "MS"
    assert load(shared_data, "hospital").schema.frequency == "MS"


def test_arch_financial(shared_data):
    data = load(shared_data, "arch")
    assert (data.n_entities, data.schema.frequency, data.schema.time_unit) == (23, "mixed", "d")
    assert kinds(data)["value"] == "continuous"
    assert [n.column for n in data.notes if n.code == "text_converted"] == ["time"]


def test_stackoverflow(shared_data):
    data = load(shared_data, "stackoverflow")
    assert roles(data) == {"seq_id": "entity", "time": "time", "mark": "mark"}
    assert len(data.schema["mark"].levels) == 22
    assert statics(data) == {"fold"}
    assert (data.schema["time"].unit, data.schema.frequency) == ("s", None)


def test_unsorted_events(shared_data):
    data = load(shared_data, "twitter")
    assert data.out_of_order > 0.3
    assert any(n.code == "epoch" for n in data.notes)
    assert data.schema["time"].kind == "datetime"


def test_renal_series_are_merged(shared_data):
    paths = [shared_data / f"clinical/renal_transplant_{name}.csv.gz" for name in ("gfr", "haem", "prot")]
    data = read(paths, entity="id", time="years")
    assert data.n_entities == 407
    assert {"gfr", "haematocrit", "proteinuria"} <= set(data.schema.names)
    assert roles(data)["fuyears"] == "followup"
    assert roles(data)["failure"] == "event"
    assert data.n_rows <= 182_189

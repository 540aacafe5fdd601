NAME = "found late"

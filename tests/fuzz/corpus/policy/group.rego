package policy
api_version := "0.10.0"
framework_version := "0.2.3"
containers := []
caisson_group := {"init":[],"containers":[],"restart":"Never","shared_ipc":true,"shared_pid":false,"empty_dirs":[{"name":"a","memory":true,"size":1,"group":50}]}

package bench

var pathTasks []task

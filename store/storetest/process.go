package storetest
var processCases []testCase
const canStop=false

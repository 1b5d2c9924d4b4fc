// Package form has data forms (XEP-0004): a [Form] is shown to somebody, who sends it back;
// [Form.Validate] says what is wrong with what came, and [AppendJSON] writes what is right as
// JSON. A [Result] is a form that tells something, also as a table.
//
//	form.go      a form, its fields, and what may be wrong with them
//	validate.go  values: required ones, options, booleans, numbers (XEP-0122), addresses
//	values.go    values as JSON and as lines for people
//	xdata.go     forms as XML, in both directions
//	result.go    results as XML and as lines
//	json.go      forms and results as a program writes them; reader.go names what is wrong with that
//
// It keeps nothing, and knows nothing of commands or rooms.
package form

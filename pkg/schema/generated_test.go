package schema

import "testing"

// Schemas as pydantic 2 (model_json_schema) and zod 4 (z.toJSONSchema) generate them.
func TestSamplesOfGeneratedSchemas(t *testing.T) {
	tests := map[string]struct{ schema, want string }{
		"pydantic: a model": {
			`{"properties":{"title":{"title":"Title","type":"string"},"salary":{"anyOf":[{"type":"integer"},{"type":"null"}],"default":null,"title":"Salary"},"remote":{"default":false,"title":"Remote","type":"boolean"}},"required":["title"],"title":"Job","type":"object"}`,
			`{"remote":false,"salary":1,"title":"sample title"}`,
		},
		"pydantic: nested models and enumerations": {
			`{"$defs":{"Level":{"enum":["junior","senior"],"title":"Level","type":"string"},"Company":{"properties":{"name":{"maxLength":5,"minLength":1,"title":"Name","type":"string"}},"required":["name"],"title":"Company","type":"object"}},"properties":{"level":{"$ref":"#/$defs/Level"},"company":{"anyOf":[{"$ref":"#/$defs/Company"},{"type":"null"}],"default":null},"kind":{"const":"job","default":"job","title":"Kind","type":"string"},"stars":{"enum":[1,2,3],"title":"Stars","type":"integer"}},"required":["level","stars"],"title":"Job","type":"object"}`,
			`{"company":{"name":"sampl"},"kind":"job","level":"junior","stars":1}`,
		},
		"pydantic: a discriminated union": {
			`{"$defs":{"Cat":{"properties":{"kind":{"const":"cat","title":"Kind","type":"string"},"lives":{"title":"Lives","type":"integer"}},"required":["kind","lives"],"title":"Cat","type":"object"},"Dog":{"properties":{"kind":{"const":"dog","title":"Kind","type":"string"},"name":{"title":"Name","type":"string"}},"required":["kind","name"],"title":"Dog","type":"object"}},"properties":{"pets":{"items":{"discriminator":{"mapping":{"cat":"#/$defs/Cat","dog":"#/$defs/Dog"},"propertyName":"kind"},"oneOf":[{"$ref":"#/$defs/Cat"},{"$ref":"#/$defs/Dog"}]},"minItems":2,"title":"Pets","type":"array"}},"required":["pets"],"title":"Owner","type":"object"}`,
			`{"pets":[{"kind":"cat","lives":1},{"kind":"cat","lives":2}]}`,
		},
		"pydantic: recursion": {
			`{"$defs":{"Node":{"properties":{"value":{"title":"Value","type":"integer"},"next":{"anyOf":[{"$ref":"#/$defs/Node"},{"type":"null"}]},"children":{"items":{"$ref":"#/$defs/Node"},"title":"Children","type":"array"}},"required":["value","next","children"],"title":"Node","type":"object"}},"$ref":"#/$defs/Node"}`,
			`{"children":[],"next":null,"value":1}`,
		},
		"pydantic: formats": {
			`{"properties":{"d":{"format":"date","type":"string"},"t":{"format":"time","type":"string"},"dt":{"format":"date-time","type":"string"},"td":{"format":"duration","type":"string"},"u":{"format":"uuid","type":"string"},"e":{"format":"email","type":"string"},"l":{"format":"uri","maxLength":2083,"minLength":1,"type":"string"},"v4":{"format":"ipv4","type":"string"},"v6":{"format":"ipv6","type":"string"},"b":{"format":"binary","type":"string"},"p":{"format":"password","type":"string","writeOnly":true}},"required":["d","t","dt","td","u","e","l","v4","v6","b","p"],"type":"object"}`,
			`{"b":"sample b","d":"2025-01-01","dt":"2025-01-01T09:00:00Z","e":"person1@example.com","l":"https://example.com/1","p":"sample p","t":"09:00:01Z","td":"PT1M","u":"00000000-0000-4000-8000-000000000001","v4":"192.0.2.1","v6":"2001:db8::1"}`,
		},
		"pydantic: bounds": {
			`{"properties":{"a":{"exclusiveMinimum":0,"type":"integer"},"b":{"maximum":1.0,"minimum":0.0,"type":"number"},"c":{"exclusiveMaximum":0,"type":"number"},"d":{"multipleOf":5,"minimum":12,"maximum":20,"type":"integer"},"e":{"multipleOf":0.01,"type":"number","exclusiveMinimum":0},"f":{"exclusiveMinimum":0.5,"exclusiveMaximum":0.75,"type":"number"},"g":{"maxItems":3,"minItems":3,"items":{"type":"string"},"type":"array","uniqueItems":true}},"required":["a","b","c","d","e","f","g"],"type":"object"}`,
			`{"a":1,"b":0.5,"c":-1,"d":15,"e":0.01,"f":0.625,"g":["sample g","sample g 2","sample g 3"]}`,
		},
		"pydantic: a Decimal": {
			`{"properties":{"price":{"anyOf":[{"minimum":0.0,"type":"number"},{"pattern":"^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$","type":"string"}],"title":"Price"}},"required":["price"],"type":"object"}`,
			`{"price":1.5}`,
		},
		"pydantic: tuples, dictionaries and extra fields": {
			`{"additionalProperties":false,"properties":{"pair":{"maxItems":2,"minItems":2,"prefixItems":[{"type":"integer"},{"type":"string"}],"title":"Pair","type":"array"},"scores":{"additionalProperties":{"type":"number"},"title":"Scores","type":"object"},"byLevel":{"additionalProperties":{"type":"integer"},"propertyNames":{"enum":["junior","senior"]},"type":"object"},"any":{"title":"Any"},"tags":{"items":{"type":"string"},"type":"array","uniqueItems":true}},"required":["pair","scores","byLevel","any","tags"],"title":"T","type":"object"}`,
			`{"any":"sample any","byLevel":{"junior":1},"pair":[1,"sample pair 2"],"scores":{"key1":1.5},"tags":["sample tags"]}`,
		},
		"pydantic: a pattern, examples and an allOf": {
			`{"$defs":{"Base":{"properties":{"id":{"pattern":"^[A-Z]{3}-\\d{4}$","type":"string"}},"required":["id"],"type":"object"}},"properties":{"base":{"allOf":[{"$ref":"#/$defs/Base"}],"description":"x"},"city":{"examples":["Berlin","Paris"],"type":"string"}},"required":["base","city"],"type":"object"}`,
			`{"base":{"id":"ABC-5678"},"city":"Berlin"}`,
		},
		"zod: an object": {
			`{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"name":{"type":"string","minLength":1},"age":{"type":"integer","minimum":0,"maximum":9007199254740991},"email":{"type":"string","format":"email","pattern":"^(?!\\.)(?!.*\\.\\.)([A-Za-z0-9_'+\\-\\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\\-]*\\.)+[A-Za-z]{2,}$"},"id":{"type":"string","format":"uuid","pattern":"^([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}|00000000-0000-0000-0000-000000000000|ffffffff-ffff-ffff-ffff-ffffffffffff)$"},"site":{"type":"string","format":"uri"}},"required":["name","age","email","id","site"],"additionalProperties":false}`,
			`{"age":1,"email":"person1@example.com","id":"00000000-0000-4000-8000-000000000001","name":"sample name","site":"https://example.com/1"}`,
		},
		"zod: dates and times": {
			`{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"at":{"type":"string","format":"date-time","pattern":"^(?:(?:\\d\\d[2468][048]|\\d\\d[13579][26]|\\d\\d0[48]|[02468][048]00|[13579][26]00)-02-29|\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|(?:02)-(?:0[1-9]|1\\d|2[0-8])))T(?:(?:[01]\\d|2[0-3]):[0-5]\\d(?::[0-5]\\d(?:\\.\\d+)?)?(?:Z))$"},"on":{"type":"string","format":"date","pattern":"^\\d{4}-\\d\\d-\\d\\d$"},"time":{"type":"string","format":"time","pattern":"^(?:[01]\\d|2[0-3]):[0-5]\\d(?::[0-5]\\d(?:\\.\\d+)?)?$"},"span":{"type":"string","format":"duration","pattern":"^P(?:(\\d+W)|(?!.*W)(?=\\d|T\\d)(\\d+Y)?(\\d+M)?(\\d+D)?(T(?=\\d)(\\d+H)?(\\d+M)?(\\d+([.,]\\d+)?S)?)?)$"}},"required":["at","on","time","span"],"additionalProperties":false}`,
			`{"at":"2025-01-01T09:00:00Z","on":"2025-01-01","span":"PT1M","time":"12:45:08.00"}`,
		},
		"zod: a discriminated union": {
			`{"$schema":"https://json-schema.org/draft/2020-12/schema","oneOf":[{"type":"object","properties":{"status":{"type":"string","const":"ok"},"data":{"type":"string"}},"required":["status","data"],"additionalProperties":false},{"type":"object","properties":{"status":{"type":"string","const":"failed"},"error":{"type":"string"}},"required":["status","error"],"additionalProperties":false}]}`,
			`{"data":"sample data","status":"ok"}`,
		},
		"zod: tuples, records, nullable and intersections": {
			`{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"point":{"type":"array","prefixItems":[{"type":"number"},{"type":"number"}],"items":{"type":"string"}},"record":{"type":"object","propertyNames":{"type":"string"},"additionalProperties":{"type":"boolean"}},"byColor":{"type":"object","propertyNames":{"type":"string","enum":["red","green"]},"additionalProperties":{"type":"number"},"required":["red","green"]},"maybe":{"anyOf":[{"type":"string"},{"type":"null"}]},"both":{"allOf":[{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]},{"type":"object","properties":{"b":{"type":"number"}},"required":["b"]}]},"never":{"not":{}},"literal":{"enum":["a",1]}},"required":["point","record","byColor","maybe","both","literal"],"additionalProperties":false}`,
			`{"both":{"a":"sample a","b":1.5},"byColor":{"green":1.5,"red":1.5},"literal":"a","maybe":"sample maybe","point":[1.5,2.5],"record":{"sample key":true}}`,
		},
		"zod: recursion": {
			`{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"name":{"type":"string"},"sub":{"type":"array","items":{"$ref":"#"}}},"required":["name","sub"],"additionalProperties":false}`,
			`{"name":"sample name","sub":[]}`,
		},
		"zod: draft 7": {
			`{"$schema":"http://json-schema.org/draft-07/schema#","definitions":{"Item":{"type":"object","properties":{"sku":{"type":"string","pattern":"^\\p{Lu}{2}\\d+$"}},"required":["sku"],"additionalProperties":false}},"type":"object","properties":{"items":{"minItems":1,"type":"array","items":{"$ref":"#/definitions/Item"}},"pair":{"type":"array","items":[{"type":"string"},{"type":"number"}],"additionalItems":false},"when":{"type":"string","format":"date-time"},"n":{"type":"number","exclusiveMinimum":0,"multipleOf":0.5}},"required":["items","pair","when","n"]}`,
			`{"items":[{"sku":"AB34"}],"n":0.5,"pair":["sample pair",2.5],"when":"2025-01-01T09:00:00Z"}`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := mustCompile(t, test.schema).Sample()
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

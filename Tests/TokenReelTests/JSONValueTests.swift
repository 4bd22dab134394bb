import Foundation
import Testing
import TokenReel

@Suite struct JSONValueTests {
    @Test func foundationReadsWhatIsWritten() throws {
        let text = "a \"b\" \\ / \n\t\r\u{1}\u{7f}\u{85}\u{e9}\u{1F600}"
        let value = JSONValue.members([
            "text": .string(text), "whole": .integer(-3), "number": .number(1.5e-7), "big": .number(1e300),
            "round": .number(2), "nan": .number(.nan), "absent": nil, "list": .array([.null, .boolean(true)]),
        ])
        let object = try #require(try JSONSerialization.jsonObject(with: Data(value.text.utf8)) as? [String: Any])
        #expect(object["text"] as? String == text)
        #expect(object["whole"] as? Int == -3)
        #expect(object["number"] as? Double == 1.5e-7)
        #expect(object["big"] as? Double == 1e300)
        #expect(object["nan"] is NSNull)
        #expect(object["absent"] == nil)
        #expect((object["list"] as? [Any])?.count == 2)
    }

    @Test func textIsAsciiSafeForTerminalsAndKeepsItsOrder() {
        let value = JSONValue.members(["b": .string("\u{1b}[31m"), "a": .number(2)])
        #expect(value.text == "{\"b\":\"\\u001b[31m\",\"a\":2}")
    }
}

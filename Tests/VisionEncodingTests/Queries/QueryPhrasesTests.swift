import Testing
import VisionEncoding

@Suite struct QueryPhrasesTests {
    @Test(arguments: [
        ("a red car", ["a red car"], []),
        ("what does the man pick up?", ["what does the man pick up?"], []),
        ("  a   dog,\n a cat ", ["a dog, a cat"], []),
        ("un perro sin collar", ["un perro sin collar"], []),
        ("", [], []),
        ("a street with red cars, without people", ["a street with red cars"], ["people"]),
        ("a beach without any people or dogs", ["a beach"], ["people", "dogs"]),
        ("no cars and trucks", [], ["cars", "trucks"]),
        ("a table without plates and a red cup", ["a table", "a red cup"], ["plates"]),
        ("No cats, but two dogs.", ["two dogs"], ["cats"]),
        ("The woman isn't waiting for the bus", ["The woman"], ["waiting for the bus"]),
        ("the dog does not bark; it sleeps", ["the dog", "it sleeps"], ["bark"]),
        ("someone who doesn’t smile", ["someone who"], ["smile"]),
        ("neither cats nor dogs", [], ["cats", "dogs"]),
        ("a room not without light", ["a room", "light"], []),
        ("not only a cat but also a dog", ["a cat but also a dog"], []),
        ("he is no longer running", ["he"], ["running"]),
        ("Never!", [], []),
        ("a knot, a notebook and a nobleman", ["a knot, a notebook and a nobleman"], []),
        ("a road without cars while it rains", ["a road", "it rains"], ["cars"]),
        ("(no people) at night", ["at night"], ["people"]),
    ])
    func splits(text: String, wanted: [String], unwanted: [String]) {
        let phrases = QueryPhrases(text)
        #expect(phrases.wanted == wanted)
        #expect(phrases.unwanted == unwanted)
    }

    @Test func relevanceTakesTheBestPhraseLessHalfTheWorst() {
        #expect(QueryPhrases.relevance(wanted: [0.1, 0.5], unwanted: []) == 0.5)
        #expect(QueryPhrases.relevance(wanted: [0.5], unwanted: [0.125, 0.25]) == 0.375)
        #expect(QueryPhrases.relevance(wanted: [0.5], unwanted: [-0.3]) == 0.5)
        #expect(QueryPhrases.relevance(wanted: [], unwanted: [0.25], penalty: 1) == -0.25)
    }
}

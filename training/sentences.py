"""Simple sentences from a small grammar of ours, seeded: volume for a model that has little prose to read.

  python3 sentences.py [characters] [seed]        writes to stdout
"""
import random
import sys

PEOPLE = ["the baker", "the ferryman", "the old surveyor", "the teacher", "the youngest daughter", "the miller", "my neighbour",
          "a traveller", "the captain", "the clockmaker", "Marta", "Anton", "Ilse", "Hugo", "her brother", "the innkeeper"]
ANIMALS = ["the hen", "the fox", "a donkey", "the crow", "the cat", "an old dog", "the snail", "a wolf", "the hedgehog", "the goat"]
OBJECTS = ["a rope", "the blue bucket", "a loaf of bread", "the brass compass", "a letter", "the lamp", "two apples", "a grey coat",
           "the map", "a jug of water", "the small screwdriver", "a basket of eggs", "the long ladder", "an umbrella", "a wooden spoon"]
PLACES = ["on the bridge", "beside the river", "in the orchard", "behind the bakery", "at the harbour", "under the table", "in the snow",
          "near the well", "on the hill", "in the kitchen", "by the stove", "at the crossroads"]
TIMES = ["in the morning", "in the evening", "at noon", "on Monday", "every night", "before breakfast", "after the rain", "in the autumn",
         "a week later", "once a year"]
QUALITIES = ["smooth", "steep", "quiet", "heavy", "warm", "empty", "broken", "narrow", "deep", "bright", "slow", "rough", "old", "safe"]
THINGS = ["road", "river", "hill", "clock", "bridge", "door", "well", "boat", "garden", "path", "stone", "wheel", "roof", "lake"]
FOUND = ["found", "carried", "lost", "bought", "forgot", "mended", "hid", "borrowed", "brought", "kept", "sold", "remembered"]
WENT = ["waited", "slept", "walked slowly", "sat down", "sang", "laughed", "counted to ten", "stood still", "looked around", "listened"]
VERDICTS = ["nobody noticed", "everyone laughed", "it began to rain", "the others went home", "it was too late", "that was enough",
            "there was nothing to be done", "the wind turned", "all was well again", "the light went out"]
NUMBERS = ["two", "three", "four", "five", "six", "seven", "nine", "ten", "twelve", "twenty"]
UNITS = ["miles", "feet", "days", "steps", "hours", "pounds", "years", "words"]


def capital(sentence):
    return sentence[0].upper() + sentence[1:]


def sentence(pick):
    someone, other = pick(PEOPLE), pick(PEOPLE)
    animal, thing, quality = pick(ANIMALS), pick(THINGS), pick(QUALITIES)
    return capital(pick([
        f"{someone} {pick(FOUND)} {pick(OBJECTS)} {pick(PLACES)}.",
        f"{pick(TIMES)} {someone} {pick(WENT)} {pick(PLACES)}, and {pick(VERDICTS)}.",
        f"{animal} {pick(WENT)} {pick(PLACES)}.",
        f"the {thing} was {quality}, but the {pick(THINGS)} was {pick(QUALITIES)}.",
        f"\"how {quality} is the {thing}?\" asked {someone}.",
        f"\"where is {pick(OBJECTS)}?\" asked {someone}. \"{capital(other)} {pick(FOUND)} it {pick(PLACES)},\" said {animal}.",
        f"it was {pick(NUMBERS)} {pick(UNITS)} from the {thing} to the {pick(THINGS)}.",
        f"{someone} and {animal} {pick(WENT)} together until {pick(VERDICTS)}.",
        f"if the {thing} is {quality}, {someone} will look for {pick(OBJECTS)}.",
        f"when {someone} {pick(FOUND)} {pick(OBJECTS)}, {pick(VERDICTS)}.",
        f"nobody knew why the {thing} was so {quality} {pick(TIMES)}.",
        f"there were {pick(NUMBERS)} stones {pick(PLACES)}, and one of them was {quality}.",
    ]))


def text(characters, seed):
    """At least `characters` characters in paragraphs of three to seven sentences."""
    source = random.Random(seed)
    paragraphs, length = [], 0
    while length < characters:
        paragraphs.append(" ".join(sentence(source.choice) for _ in range(source.randint(3, 7))))
        length += len(paragraphs[-1]) + 2
    return "\n\n".join(paragraphs) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text(int(sys.argv[1]) if len(sys.argv) > 1 else 2000, int(sys.argv[2]) if len(sys.argv) > 2 else 0))

// The text that `howsmooth analyze` measures when none is given: a short essay of ours on measuring smoothness.

const essay = `
On smooth things, and how to tell

There is a road out of our village that everybody calls the smooth one. It was laid in the year of the flood, when the
old track had been washed into the meadow, and the surveyor who planned it had strong opinions about gravel. She is long
retired now, but children still learn her rule: a road is as good as its worst yard. You may praise the long straight
mile beside the orchards, she would say, yet a wheel does not remember miles. A wheel remembers the one stone that
stopped it.

I thought of her rule last autumn, when my neighbour Tobias brought home a machine for measuring roads. It looked like a
wheelbarrow with a conscience. A small wheel ran in front, a pen wrote on a paper drum behind, and whenever the wheel
jumped, the pen jumped too, ten times higher. We walked the whole village with it. The lane by the church made a line
like a sleeping animal, rising and falling without hurry. The alley behind the bakery drew something closer to a quarrel.
Tobias rolled the paper up, weighed it in his hand, and declared that the average slope of the village was four parts in
a hundred. "That is a fine number," said his sister Ilse, "and it will not tell me where to carry the eggs."

She was right, of course, and the whole difficulty of the subject lies in those eggs. An average tells you about the day;
the steepest place tells you about the accident. If you want to know how much a small push can matter, you must not ask
what usually happens. You must ask for the direction in which the push matters most, and then lean exactly there.

Consider a river. From the bridge it seems a single brown muscle, moving all together toward the mill. Drop two leaves
into it side by side, a hand's breadth apart, and follow them. In the wide reach above the bridge they travel like an old
couple, never nearer, never farther. Then comes the bend with the willow. One leaf swings left into the still water and
starts to circle; the other is taken by the current and is under the second bridge before you have finished pointing.
Nothing violent has happened, the water did not even make a sound, but a hand's breadth has become a hundred yards. The
river was smooth above and sharp below, and no amount of staring at the upper reach would have warned you. Smoothness
belongs to places. It is not a title that a river earns once and carries to the sea.

Instrument makers have known this for centuries. Anyone can build a balance that tells a pound from two pounds. The craft
is in the last grain, where a breath, a warm hand, or a heavy step on the floorboards is enough to move the needle. A good
balance is sensitive to weight and deaf to everything else, and those two wishes pull against each other like dogs on one
leash. Make the beam longer, and it will feel a smaller grain, but it will also feel the draught beneath the door. My
grandmother, who repaired clocks and barometers, kept a list of such bargains on the wall above her bench. The final
entry, in pencil, said only: whatever amplifies the song amplifies the cough.

It may seem a long way from barometers to machines that read, but it is hardly a step. A reading machine of the present
kind takes a sentence apart into little pieces, called tokens, and gives every piece a point in a space of many
dimensions. Then it lets the points look at one another. Each token asks a question, each token offers an answer, and
the better the question fits the answer, the more the one listens to the other. The word "bank" glances along the sentence,
notices a river, and moves a little toward the water; in some other sentence it notices a loan, and moves toward the money.
People call this attention, and the name is well chosen, for like our own attention it is generous and easily captured.

Now push one of the points a little. Perhaps a letter was mistyped, or a word replaced by its cousin, or a number
rounded in the seventh place. All of the listeners will hear something slightly different, and what they say in turn will
differ slightly too. How slightly? That is a question about the steepest direction, the same question that Ilse asked of
the alley behind the bakery. Collect every possible small push of every token into one enormous vector. Ask for the
push, among all those of length one, that moves the result the farthest. The distance that it moves is a single number, and
the number deserves a name; mathematicians gave it the name of Rudolf Lipschitz, who taught in Bonn and was, by all
accounts, a patient man.

Patience is needed. The table that holds all the answers would have a row for every coordinate of the output and a column
for every coordinate of the input; for a paragraph of modest size it would fill a library, and most of its pages would
be of no interest to anyone. So we never write it down. We do what Tobias did with his barrow: we push it along. Choose
a direction at random, apply the push, and look at what comes out. Send the answer back through the machine the other way
around, and it returns as a new push, leaning a little more than before toward the steep side. Do that a few times,
keeping notes on where you have been, and the notes themselves become a tiny table, ten rows by ten, from which the
answer can be read as from a thermometer. It is a lovely trick. The giant is measured with a pocket ruler, because the
giant was polite enough to be linear up close.

Yet a careful person is not satisfied with an answer; a careful person wants to know how wrong it might be. If I have
found a push that moves the result three and a half units, then surely the steepest push moves it at least so far. This is
a floor, and nobody can argue with a floor. A ceiling is harder. To say that no push whatever could move it by four units,
I would have to try every direction, or else to be clever. Chance helps here: a direction drawn at random is very unlikely
to be blind to the steepest one, and how unlikely can be computed, to the sixth decimal, before the barrow has left
the shed. So the honest report has three parts: at least this, at most that, and the odds that I am mistaken. My
grandmother would have approved. She never wrote a single reading in her book without a second one, taken on the following
morning, in a different light.

What does one find on such walks? Several surprises. Give the machine a longer sentence, and it becomes steeper, though
not so quickly as the pessimists feared; in many rooms of the building the slope grows like the square root of the
number of words, or slower. The first floors behave unlike the upper ones. A machine that has been trained, and has read a
million evenings' worth of books, is not simply rougher or gentler than one whose numbers were shaken from a dice cup. It is
steep in some places, where it must tell a comma from a catastrophe, and almost flat in others, where it has learned that the
difference is of no importance. A mask that hides the future from the past changes the landscape again: the first word
can hear only itself, and stands on level ground, while the last must listen to everybody and sways in every wind.

And why should anybody care? Ilse gave the best reply, as usual. She had carried the eggs home by way of the orchards and
was in a forgiving mood. "If a bridge sways," she said, "I want to know before the wedding party is on it. And if it does not
sway, I should like to be told that as well, by somebody who went and looked." There are practical reasons besides. A
mapping that never stretches anything too far can be run backwards, can be chained a thousand times without losing the thread,
can be guarded against mischief, and can be stored with fewer digits. Each of those promises is made of the same coin, and
the coin is the number on Tobias's paper drum.

The drum is in the schoolhouse now. On winter mornings the teacher unrolls it along the corridor, all forty feet, and asks the
youngest pupils to find the church, the bakery, and the bend where the willow stands. They run their fingers over the line and
argue. Somebody always discovers a tall thin spike in the middle of the orchards, on the smoothest mile of the smooth
road, where no spike ought to be. It has been explained as a fault of the pen, as a hazelnut, and as a joke by the
surveyor. I went out with a lantern to see for myself. It is a stone, no bigger than a thumb, and it has been there since
the year of the flood. I left it where it was. A road should keep something to be measured by.

There is a second machine in the village now, and it does not belong to Tobias. The miller's daughter built it out of a
sewing table and two sheets of glass. It draws two lines at once: the road as it is, and the road as it would have been had
somebody moved a single stone by the breadth of a thumb. For most of the way the lines lie so close together that you would
take them for one line drawn with a tired pen. At the ford they part. By the time the barrow has reached the chapel they
are in different corners of the paper, and you could believe that they were drawn in different countries. She keeps the
sheets in a flour bag and shows them to anyone who asks. What she likes best is that the stone can be any stone. You choose
it, she moves it, and only then do you find out whether your village is a patient one.

I asked her once how many stones she had tried. She counted on her fingers, gave up, and said that she had stopped trying
stones a long time ago. "You can try stones until you are old," she said, "and the one that matters will be the next one. I
turn the machine around instead. I start with the line at the chapel, bend it a little, and let the machine tell me which
stones could have bent it so. Then I move all of those together, a little each, and run it forward again. After five or six
turns it does not change its mind any more." She had never read a book on the matter. When I told her that there was a
name for what she did, she asked whether the name made it any faster.

Her brother keeps the other kind of record. He is a careful boy, and he writes down not only what the machine has drawn but
what it could not have drawn. If the ford cannot part two lines by more than a hand, he says, and the bend cannot part them
by more than another hand, then nobody will find two arms of difference behind them, whatever stone he picks. It is a poor
sort of knowledge, because the truth is usually much smaller. But it has one great merit, which is that it does not depend
on having been lucky. He adds up his hands on the back of the calendar. She laughs at his sums, and then she looks at
them, because once they were smaller than what she had measured, and the glass turned out to be cracked.

So there are three ways of speaking about a road, and a village needs all of them. You can say what happened. You can say the
worst that you have found, and show the stone. You can say what is not possible at all, and show the sum. People who know
only the first will be surprised, people who know only the second will be anxious, and people who know only the third will
never leave the house. On market days I have seen the three of them argue at the well, the surveyor, the girl with the glass
and the boy with the calendar, each with a finger on a different line. I would not know how to choose between them. I have
noticed, though, that the carters listen for the moment at which all three agree, and only then put the eggs on the cart.
`;

/** The essay, one line a paragraph, paragraphs set apart by an empty line; about 2,250 words, ASCII. */
export const defaultText: string = essay.trim().replace(/([^\n])\n(?=[^\n])/g, "$1 ");

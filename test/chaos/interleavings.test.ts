import { describeSmall } from './support/small.ts';

describeSmall('interleavings');
describeSmall('rules');

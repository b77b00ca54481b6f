import { describeSmall } from './support/small.ts';

describeSmall('mix');
